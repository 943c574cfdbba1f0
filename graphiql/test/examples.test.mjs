// Every example is valid against the gateway's schema and says in its first two lines what it is and for whom.
// SCHEMA names another SDL file than the repository's exported one, or the contract where that does not exist yet.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSchema, getOperationAST, parse, validate } from 'graphql';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const AUDIENCES = new Set(['partner users', 'customer users', 'platform admins']);

const sdl = [process.env.SCHEMA, here('../../schema.graphql'), here('../../../shared/contract.graphql')].find(
  path => path && existsSync(path),
);
const examples = readdirSync(here('../examples')).filter(name => name.endsWith('.graphql'));

test('there is a schema, and there are examples', () => {
  assert.ok(sdl, 'no schema.graphql in the repository; name one with SCHEMA=');
  assert.ok(examples.length >= 6);
});

for (const name of examples) {
  const query = readFileSync(here(`../examples/${name}`), 'utf8');

  test(`${name} is valid`, () => {
    const schema = buildSchema(readFileSync(sdl, 'utf8'));
    assert.deepEqual(validate(schema, parse(query)).map(error => error.message), []);
    assert.ok(getOperationAST(parse(query))?.name, 'one named operation');
  });

  test(`${name} says what it is and for whom`, () => {
    const [title, audience] = query.split('\n');
    assert.match(title, /^# Title: \S/);
    const people = audience.match(/^# For: (.+)$/)?.[1]?.split(', ') ?? [];
    assert.ok(people.length > 0 && people.every(group => AUDIENCES.has(group)), audience);
  });
}
