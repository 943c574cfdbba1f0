// Sends GraphiQL's requests to the gateway, with the chosen persona's token; subscriptions as streams.

import type { Fetcher } from '@graphiql/toolkit';
import { getOperationAST, parse } from 'graphql';
import type { Live } from './live';
import { stream } from './live';

export interface RequestOptions {
  token: string | null;
  /** Ask for denials once in `extensions.hidden` instead of one error each. */
  hiddenInExtensions: boolean;
}

/** `options` is asked anew for every request, so that the fetcher itself, and with it the loaded schema, stays. */
export function createFetcher(options: () => RequestOptions, onLive: (live: Live | null) => void): Fetcher {
  return async (params, fetcherOptions) => {
    const { token, hiddenInExtensions } = options();
    const headers = new Headers();
    if (token) headers.set('authorization', `Bearer ${token}`);
    if (hiddenInExtensions) headers.set('hidden-fields', 'extensions');
    // What is typed into the headers editor wins over the switches.
    for (const [name, value] of Object.entries(fetcherOptions?.headers ?? {})) headers.set(name, String(value));

    if (isSubscription(params.query, params.operationName)) return stream(params, headers, onLive);
    if (params.operationName !== 'IntrospectionQuery') onLive(null);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    if (!headers.has('accept')) headers.set('accept', 'application/graphql-response+json, application/json;q=0.9');
    const reply = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify(params) });
    const text = await reply.text();
    // Somebody else was chosen meanwhile: it is no answer to them.
    if (options().token !== token) return new Promise(() => {});
    return read(text) ?? { error: `HTTP ${reply.status} ${reply.statusText}`.trim(), body: text };
  };
}

/** What cannot be read is none: the gateway says what is wrong with it. */
function isSubscription(query: string, operationName: string | null | undefined): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false;
  }
}

function read(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
