// urql as it comes: typed operations, queries by GET, persisted ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { InventoryQueryDocument, PortalHomeQueryDocument, PortalHomeVisitMutationDocument } from '../build/generated/customer-portal.js';
import { BillingQueryDocument, CustomerListQueryDocument } from '../build/generated/partner-app.js';
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
  const { data, error } = await client(CUSTOMER).query(PortalHomeQueryDocument, {});
  assert.equal(error, undefined);
  assert.equal(typeof data?.viewer?.customer?.posture?.riskScore, 'number');
});

test('what is hidden is null, and told in the extensions', async () => {
  const { data, error, extensions } = await client(ADMIN).query(CustomerListQueryDocument, { first: 60 });
  assert.equal(error, undefined);
  assert.ok(data?.partner?.accesses.edges.some(edge => edge.node.customer.posture === null));
  // An entry for each field and reason.
  const told = (extensions?.['hidden'] as { coordinate: string; reason: string }[]).map(({ coordinate }) => coordinate);
  assert.deepEqual([...new Set(told)].sort(), ['Customer.lastScanAt', 'Customer.posture']);
});

test('with errors the data is there as well', async () => {
  const { data, error } = await client(OPERATOR, 'errors').query(BillingQueryDocument, { month: '2026-11-01' });
  assert.deepEqual(error?.graphQLErrors.map(({ extensions }) => extensions['code']), ['HIDDEN', 'HIDDEN']);
  assert.equal(typeof data?.partner?.name, 'string');
});

test('queries by GET', async () => {
  const { data, error } = await client(READER, 'extensions', { preferGetMethod: 'force' }).query(InventoryQueryDocument, { first: 5 });
  assert.equal(error, undefined);
  assert.equal(data?.customer?.assets?.nodes.length, 5);
});

test('a mutation', async () => {
  const { data, error } = await client(CUSTOMER).mutation(PortalHomeVisitMutationDocument, {});
  assert.equal(error, undefined);
  assert.deepEqual(data?.recordVisit.userErrors, []);
});

test('automatic persisted queries', async () => {
  const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
  for (let round = 0; round < 2; round += 1) {
    const { data, error } = await client(READER, 'extensions', { exchanges }).query(PortalHomeQueryDocument, {});
    assert.equal(error, undefined);
    assert.ok(data?.viewer);
  }
});
