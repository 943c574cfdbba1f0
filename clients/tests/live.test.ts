// Live events with the clients that people use: graphql-ws over a WebSocket, graphql-sse over an event stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient as createEventSource } from 'graphql-sse';
import { createClient as createWebSocket } from 'graphql-ws';
import WebSocket from 'ws';
import { CUSTOMER, OPEN, TRUSTING, endpoint, headersOf, persona, send } from './gateway.js';

/** Events of the own accesses; `consent` makes one. */
const subscription = { query: 'subscription Live { accessChanged { id version customerConsent } }' };

interface Live {
  accessChanged: { id: string; version: number; customerConsent: string };
}

const socket = (gateway: string) =>
  createWebSocket({
    url: endpoint(gateway).replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: headersOf(CUSTOMER)['authorization'] },
    retryAttempts: 0,
  });

const events = (gateway: string) =>
  createEventSource({ url: endpoint(gateway), headers: headersOf(CUSTOMER), retryAttempts: 0 });

/** The customer's ADMIN grants its first partner something else, and back. */
async function consent(to: 'SUPPORT' | 'NONE'): Promise<string> {
  const accessId = persona(CUSTOMER).variables.access ?? '';
  const query = 'mutation ($input: SetPartnerConsentInput!) { setPartnerConsent(input: $input) { access { id } userErrors { code } } }';
  const { body } = await send(OPEN, { query, variables: { input: { accessId, consent: to } } }, headersOf(CUSTOMER));
  assert.deepEqual(body.errors, undefined);
  return accessId;
}

/** Grants one thing and the other until an event comes: whether a stream has begun, no client is told. */
async function first(stream: AsyncIterableIterator<{ data?: unknown; errors?: unknown }>): Promise<Live> {
  const event = stream.next();
  let waiting = true;
  void event.finally(() => (waiting = false)).catch(() => undefined);
  for (let round = 0; waiting; round += 1) {
    await consent(round % 2 === 0 ? 'NONE' : 'SUPPORT');
  }
  const { value } = await event;
  await stream.return?.();
  await consent('SUPPORT');
  assert.equal(value?.errors, undefined);
  return value?.data as Live;
}

test('graphql-ws: an event of the own access', { timeout: 30_000 }, async () => {
  const client = socket(OPEN);
  const { accessChanged } = await first(client.iterate(subscription));
  assert.equal(accessChanged.id, persona(CUSTOMER).variables.access);
  await client.dispose();
});

test('graphql-ws: queries run on the same connection', async () => {
  const client = socket(OPEN);
  const answer = await client.iterate({ query: '{ viewer { email } }' }).next();
  assert.deepEqual(answer.value?.data, { viewer: { email: CUSTOMER } });
  await client.dispose();
});

test('graphql-sse: an event of the own access', { timeout: 30_000 }, async () => {
  const client = events(OPEN);
  const { accessChanged } = await first(client.iterate(subscription));
  assert.equal(accessChanged.id, persona(CUSTOMER).variables.access);
  client.dispose();
});

test('where documents have to be trusted, streams have to be, too', async () => {
  const client = socket(TRUSTING);
  await assert.rejects(client.iterate(subscription).next(), (errors: unknown) => {
    assert.match(JSON.stringify(errors), /TRUSTED_DOCUMENT_REQUIRED/);
    return true;
  });
  await client.dispose();
});
