// Trusted documents: what the apps send in production is an id of the repository's manifests, and nothing else is taken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { generatePersistedQueryIdsFromManifest } from '@apollo/persisted-query-lists';
import { readFile } from 'node:fs/promises';
import { gql } from '@apollo/client';
import { CustomerListQueryDocument, PartnerHomeVisitMutationDocument } from '../build/generated/partner-app.js';
import { ADMIN, CUSTOMER, MSSP, OPEN, PLATFORM, TRUSTING, endpoint, headersOf, manifest, persona, send } from './gateway.js';

/** Apollo Client as the partner's app is built: ids in the place of documents. */
const app = (email: string): ApolloClient => {
  const ids = generatePersistedQueryIdsFromManifest({
    loadManifest: async () => JSON.parse(await readFile('trusted-documents/partner-app/apollo.json', 'utf8')),
  });
  const headers = { ...headersOf(email), 'graphql-client-name': 'partner-app' };
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([new PersistedQueryLink(ids), new HttpLink({ uri: endpoint(TRUSTING), headers })]),
  });
};

test('the partner app runs on ids alone', async () => {
  const { data } = await app(ADMIN).query({ query: CustomerListQueryDocument, variables: { first: 3 } });
  assert.equal(data?.partner?.accesses.edges.length, 3);
  const visit = await app(ADMIN).mutate({ mutation: PartnerHomeVisitMutationDocument });
  assert.deepEqual(visit.data?.recordVisit.userErrors, []);
});

test('what is no trusted document is refused to everybody but platform admins', async () => {
  const query = '{ viewer { email } }';
  for (const email of [ADMIN, MSSP, CUSTOMER]) {
    const { status, body } = await send(TRUSTING, { query }, headersOf(email));
    assert.deepEqual([status, body.errors[0].extensions.code], [403, 'TRUSTED_DOCUMENT_REQUIRED'], email);
  }
  const { body } = await send(TRUSTING, { query }, headersOf(PLATFORM));
  assert.equal(body.data.viewer.email, PLATFORM);
  const asking = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: endpoint(TRUSTING), headers: headersOf(ADMIN) }),
  }).query({ query: gql(query) });
  await assert.rejects(asking, (error: unknown) => CombinedGraphQLErrors.is(error));
});

// Every query of both apps, by its id, as those whom it is for: answered, and nothing in it is an error.
const EXTRA: Record<string, Record<string, unknown>> = {
  BillingQuery: { month: '2026-11-01' },
  ChangeModelPreviewQuery: { operatingModel: 'FULLY_MANAGED' },
  ComponentSearchQuery: { text: 'lodash' },
  PortalHomeNewsQuery: { since: '2026-01-01T00:00:00Z' },
};

for (const [client, people] of [
  ['partner-app', [ADMIN, MSSP]],
  ['customer-portal', [CUSTOMER]],
] as const) {
  for (const { id, name, type } of manifest(client).filter(({ type }) => type === 'query')) {
    test(`${client}: ${name}`, async () => {
      for (const email of people) {
        const { customer, access } = persona(email).variables;
        let finding = '';
        if (name.endsWith('DetailQuery')) {
          const query = `query ($id: ID) { customer(id: $id) { findings(first: 1) { nodes { id } } } }`;
          const { body } = await send(OPEN, { query, variables: { id: customer } }, headersOf(email));
          finding = body.data.customer.findings?.nodes[0]?.id ?? customer;
        }
        const variables = { customer, access, finding, ...EXTRA[name] };
        const { status, body } = await send(TRUSTING, { documentId: id, variables }, {
          ...headersOf(email),
          'graphql-client-name': client,
        });
        assert.equal(status, 200, JSON.stringify(body.errors));
        assert.equal(type, 'query');
      }
    });
  }
}
