// Relay's compiler takes the operations, and its runtime runs what it made of them: by the ids of the trusted documents.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import relay, { type ConcreteRequest, type GraphQLResponse, type OperationType, type Variables } from 'relay-runtime';
import { ADMIN, CUSTOMER, TRUSTING, headersOf, send } from './gateway.js';

const { Environment, Network, RecordSource, Store, fetchQuery } = relay;

async function artifact(client: string, name: string): Promise<ConcreteRequest> {
  const url = new URL(`../build/relay/${client}/src/__generated__/${name}.graphql.js`, import.meta.url);
  return ((await import(url.href)) as { default: ConcreteRequest }).default;
}

const environment = (email: string) =>
  new Environment({
    network: Network.create(async ({ id }, variables) => {
      assert.ok(id, 'the compiler gave the operation no id');
      const { body } = await send(TRUSTING, { documentId: id, variables }, headersOf(email));
      return body as GraphQLResponse;
    }),
    store: new Store(new RecordSource()),
  });

async function ask(email: string, client: string, name: string, variables: Variables): Promise<unknown> {
  return fetchQuery<OperationType>(environment(email), await artifact(client, name), variables).toPromise();
}

test('every operation has its artifact', () => {
  for (const client of ['partner-app', 'customer-portal']) {
    assert.ok(readdirSync(`build/relay/${client}/src/__generated__`).length > 10, client);
  }
});

test('the list of customers, by the id of its document', async () => {
  const data = (await ask(ADMIN, 'partner-app', 'CustomerListQuery', { first: 4 })) as any;
  assert.equal(data.partner.accesses.edges.length, 4);
});

test('the home page of the portal, by the id of its document', async () => {
  const data = (await ask(CUSTOMER, 'customer-portal', 'PortalHomeQuery', {})) as any;
  assert.equal(typeof data.viewer.customer.posture.riskScore, 'number');
});
