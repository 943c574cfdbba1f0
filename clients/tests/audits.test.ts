// GraphQL over HTTP: what `graphql-http` audits servers by, all of it: MUST, SHOULD and MAY.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditServer } from 'graphql-http';
import { OPEN, endpoint } from './gateway.js';

test('every audit passes', async () => {
  const results = await auditServer({ url: endpoint(OPEN), fetchFn: fetch });
  const failed = results.filter(result => result.status !== 'ok');
  assert.deepEqual(
    failed.map(({ id, name, status }) => `${id} ${name}: ${status}`),
    [],
  );
  assert.ok(results.length >= 61, `only ${results.length} audits`);
});
