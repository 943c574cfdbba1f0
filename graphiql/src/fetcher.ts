// Sends GraphiQL's requests to the gateway, with the chosen persona's token, and shows each answer to an observer.

import type { Fetcher } from '@graphiql/toolkit';

export interface RequestOptions {
  token: string | null;
  /** Ask for denials once in `extensions.hidden` instead of one error each. */
  hiddenInExtensions: boolean;
}

/** `options` is asked anew for every request, so that the fetcher itself, and with it the loaded schema, stays. */
export function createFetcher(options: () => RequestOptions, onResponse: (response: unknown) => void): Fetcher {
  return async (params, fetcherOptions) => {
    const { token, hiddenInExtensions } = options();
    const headers = new Headers({
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
    });
    if (token) headers.set('authorization', `Bearer ${token}`);
    if (hiddenInExtensions) headers.set('hidden-fields', 'extensions');
    // What is typed into the headers editor wins over the switches.
    for (const [name, value] of Object.entries(fetcherOptions?.headers ?? {})) headers.set(name, String(value));

    const reply = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify(params) });
    const text = await reply.text();
    const response = read(text) ?? { error: `HTTP ${reply.status} ${reply.statusText}`.trim(), body: text };
    if (params.operationName !== 'IntrospectionQuery') onResponse(response);
    return response;
  };
}

function read(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
