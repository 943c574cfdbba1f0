// urql as it comes: typed operations, queries by GET, persisted ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { InventoryDocument, PortalHomeDocument, PortalHomeVisitDocument } from '../build/generated/customer-portal.js';
import { BillingDocument, CustomerListDocument } from '../build/generated/partner-app.js';
import { ADMIN, CUSTOMER, OPEN, OPERATOR, READER, endpoint, headersOf } from './gateway.js';

const client = (email: string, placement: 'errors' | 'extensions' = 'extensions', more: object = {}): Client =>
  new Client({
    url: endpoint(OPEN),
    exchanges: [fetchExchange],
    preferGetMethod: false,
    fetchOptions: { headers: headersOf(email, placement) },
    ...more,
  });

test('the home page of the portal', async () => {
  const { data, error } = await client(CUSTOMER).query(PortalHomeDocument, {});
  assert.equal(error, undefined);
  assert.equal(typeof data?.viewer?.customer?.posture?.riskScore, 'number');
});

test('what is hidden is null, and told once in the extensions', async () => {
  const { data, error, extensions } = await client(ADMIN).query(CustomerListDocument, { first: 60 });
  assert.equal(error, undefined);
  assert.ok(data?.partner?.accesses.edges.some(edge => edge.node.customer.posture === null));
  const told = (extensions?.['hidden'] as { coordinate: string }[]).map(({ coordinate }) => coordinate).sort();
  assert.deepEqual(told, ['Customer.lastScanAt', 'Customer.posture']);
});

test('with errors the data is there as well', async () => {
  const { data, error } = await client(OPERATOR, 'errors').query(BillingDocument, { month: '2026-11-01' });
  assert.deepEqual(error?.graphQLErrors.map(({ extensions }) => extensions['code']), ['HIDDEN', 'HIDDEN']);
  assert.equal(typeof data?.partner?.name, 'string');
});

test('queries by GET', async () => {
  const { data, error } = await client(READER, 'extensions', { preferGetMethod: 'force' }).query(InventoryDocument, { first: 5 });
  assert.equal(error, undefined);
  assert.equal(data?.customer?.assets?.nodes.length, 5);
});

test('a mutation', async () => {
  const { data, error } = await client(CUSTOMER).mutation(PortalHomeVisitDocument, {});
  assert.equal(error, undefined);
  assert.deepEqual(data?.recordVisit.userErrors, []);
});

test('automatic persisted queries', async () => {
  const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
  for (let round = 0; round < 2; round += 1) {
    const { data, error } = await client(READER, 'extensions', { exchanges }).query(PortalHomeDocument, {});
    assert.equal(error, undefined);
    assert.ok(data?.viewer);
  }
});
