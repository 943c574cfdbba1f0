// Apollo Client as it comes: default error policy, normalised cache, typed operations.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import { BillingQueryDocument, ChangeModelMutationDocument, CustomerListQueryDocument, CustomerManagedQueryDocument } from '../build/generated/partner-app.js';
import { SharesCreateMutationDocument } from '../build/generated/partner-app.js';
import { ConsentQueryDocument, ExposureQueryDocument } from '../build/generated/customer-portal.js';
import { ADMIN, CUSTOMER, OPEN, OPERATOR, endpoint, headersOf, persona } from './gateway.js';

const cache = () =>
  new InMemoryCache({
    typePolicies: { Partner: { fields: { accesses: relayStylePagination(['filter', 'orderBy']) } } },
  });

const client = (email: string, placement: 'errors' | 'extensions' = 'extensions', before?: ApolloLink): ApolloClient => {
  const http = new HttpLink({ uri: endpoint(OPEN), headers: headersOf(email, placement) });
  return new ApolloClient({ cache: cache(), link: before ? ApolloLink.from([before, http]) : http });
};

test('a list with hidden posture is whole under the default error policy', async () => {
  const { data, error } = await client(ADMIN).query({ query: CustomerListQueryDocument, variables: { first: 100 } });
  assert.equal(error, undefined);
  const rows = data?.partner?.accesses.edges.map(edge => edge.node) ?? [];
  assert.equal(rows.length, data?.partner?.accesses.totalCount);
  assert.equal(rows.filter(row => row.postureVisible).length, 10);
  // Where an ended and a live access of one customer exist, the live one decides.
  for (const row of rows.filter(({ status }) => status !== 'ENDED')) {
    assert.equal(row.customer.posture === null, !row.postureVisible, row.customer.name);
  }
});

test('without the header denials are errors, which that policy throws away with the data', async () => {
  const asking = client(ADMIN, 'errors').query({ query: CustomerListQueryDocument, variables: { first: 100 } });
  await assert.rejects(asking, (error: unknown) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.ok(error.errors.every(({ extensions }) => extensions?.['code'] === 'HIDDEN'));
    return true;
  });
});

test('`errorPolicy: all` has both', async () => {
  const { data, error } = await client(OPERATOR, 'errors').query({
    query: BillingQueryDocument,
    variables: { month: '2026-11-01' },
    errorPolicy: 'all',
  });
  assert.ok(CombinedGraphQLErrors.is(error));
  assert.equal(data?.partner?.billing, null);
  assert.equal(typeof data?.partner?.name, 'string');
});

test('pages are put together by `relayStylePagination`, sorted and filtered by the gateway', async () => {
  const observed = client(ADMIN).watchQuery({
    query: CustomerListQueryDocument,
    variables: { first: 7, orderBy: { field: 'OPEN_FINDINGS', direction: 'DESC' }, filter: { operatingModel: ['CO_MANAGED'] } },
  });
  // Pages are added to the cache for somebody who looks at it.
  const looking = observed.subscribe(() => undefined);
  for (let waits = 0; observed.getCurrentResult().loading && waits < 500; waits += 1) {
    await new Promise(done => setTimeout(done, 20));
  }
  let page = observed.getCurrentResult().data?.partner?.accesses?.pageInfo;
  for (let pages = 1; page?.hasNextPage && pages < 10; pages += 1) {
    const { data } = await observed.fetchMore({ variables: { after: page.endCursor } });
    page = data?.partner?.accesses.pageInfo;
  }
  // The cache tells those who look at it a moment later.
  await new Promise(done => setTimeout(done, 50));
  const { data } = observed.getCurrentResult();
  const nodes = (data?.partner?.accesses?.edges ?? []).map(edge => edge?.node);
  looking.unsubscribe();
  assert.equal(nodes.length, data?.partner?.accesses?.totalCount);
  const open = nodes.map(node => node?.customer?.posture?.openFindings?.total ?? -1);
  assert.deepEqual(open, [...open].sort((a, b) => b - a));
});

test('a mutation answers with what the cache goes on with, or with a user error', async () => {
  const apollo = client(ADMIN);
  const access = persona(ADMIN).variables.access ?? '';
  const customer = persona(ADMIN).variables.customer ?? '';
  const { data: before } = await apollo.query({ query: CustomerManagedQueryDocument, variables: { customer } });
  const model = before?.customer?.access?.operatingModel;
  assert.ok(model);
  const { data } = await apollo.mutate({
    mutation: ChangeModelMutationDocument,
    variables: { input: { accessId: access, operatingModel: model, reason: 'The same again' } },
  });
  assert.equal(data?.changeOperatingModel.access, null);
  assert.deepEqual(data?.changeOperatingModel.userErrors.map(({ code }) => code), ['NO_CHANGE']);
});

test('a role that may never call a mutation is told so by an error', async () => {
  const asking = client(OPERATOR).mutate({
    mutation: ChangeModelMutationDocument,
    variables: { input: { accessId: persona(OPERATOR).variables.access ?? '', operatingModel: 'CO_MANAGED', reason: 'Not mine' } },
  });
  await assert.rejects(asking, (error: unknown) => {
    assert.ok(CombinedGraphQLErrors.is(error));
    assert.equal(error.errors[0]?.extensions?.['code'], 'FORBIDDEN');
    return true;
  });
});

test('the portal: consent, and who could see us', async () => {
  const apollo = client(CUSTOMER);
  const { data } = await apollo.query({ query: ConsentQueryDocument });
  assert.ok((data?.customer?.accesses?.nodes.length ?? 0) > 0);
  const { data: exposure } = await apollo.query({ query: ExposureQueryDocument });
  assert.ok(exposure?.customer?.exposure);
});

test('input that cannot be read names the field', async () => {
  const asking = client(CUSTOMER).mutate({
    mutation: SharesCreateMutationDocument,
    variables: { input: { customerId: persona(CUSTOMER).variables.customer ?? '', label: 'For the insurer', expiresAt: 'soon' } },
  });
  await assert.rejects(asking, (error: unknown) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0]?.extensions?.['code'], 'BAD_USER_INPUT');
    return true;
  });
});

test('automatic persisted queries: told once, then by the hash alone', async () => {
  const persisted = () => new PersistedQueryLink({ sha256: text => createHash('sha256').update(text).digest('hex') });
  const sent: string[] = [];
  const spy = new ApolloLink((operation, forward) => {
    const { http } = operation.getContext() as { http?: { includeQuery?: boolean } };
    sent.push(http?.includeQuery ? 'text' : 'hash');
    return forward(operation);
  });
  for (const expected of [['hash', 'text'], ['hash']]) {
    const { data } = await client(ADMIN, 'extensions', ApolloLink.from([persisted(), spy])).query({
      query: CustomerListQueryDocument,
      variables: { first: 3 },
    });
    assert.equal(data?.partner?.accesses.edges.length, 3);
    assert.deepEqual(sent.splice(0), expected);
  }
});
