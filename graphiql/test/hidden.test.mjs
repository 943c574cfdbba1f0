// What is hidden is found in an answer, and marked where it stands.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildSchema } from 'graphql';
import { load } from './load.mjs';

const { modules, close } = await load('/src/hidden.ts');
const [{ denials, marks }] = modules;
after(close);

const schema = buildSchema(`
  type Query { customers: [Customer!]!, node: Node }
  interface Node { id: ID }
  type Customer implements Node { id: ID, name: String, posture: Posture, tags: [String!] }
  type Posture { riskScore: Int! }
`);
const data = {
  customers: [
    { name: 'One', tags: [], more: {}, posture: null },
    { name: null, tags: ['a'], posture: { riskScore: 3 } },
    { name: 'Three', posture: null },
  ],
};
const denied = (index, reason) => ({
  message: `because of ${reason}`,
  path: ['customers', index, 'posture'],
  extensions: { code: 'HIDDEN', class: 'POSTURE', reason },
});

/** The lines of what is shown that are marked, with what is said there. */
const shown = (answer, found = denials(answer, schema)) => {
  const lines = JSON.stringify(answer, null, 2).split('\n');
  return marks(answer, found).map(({ line, text }) => [lines[line - 1].trim(), line, text]);
};

test('nulls of errors are marked where they stand, wherever the errors are', () => {
  const errors = [denied(0, 'OPERATING_MODEL'), denied(2, 'CONSENT')];
  for (const answer of [{ data, errors }, { errors, data }, { extensions: { cost: null }, errors, data }]) {
    const found = shown(answer);
    assert.deepEqual(
      found.map(([line, , text]) => [line, text]),
      // By how often and by reason.
      [
        ['"posture": null', 'hidden: POSTURE, CONSENT'],
        ['"posture": null', 'hidden: POSTURE, OPERATING_MODEL'],
      ],
    );
    assert.ok(found[0][1] > found[1][1]);
  }
  assert.deepEqual(denials({ data, errors }, schema).map(({ coordinate, explanation }) => [coordinate, explanation]), [
    ['Customer.posture', 'because of CONSENT'],
    ['Customer.posture', 'because of OPERATING_MODEL'],
  ]);
});

test('a list of denials in extensions names three places, and how many more there are', () => {
  const hidden = [{ coordinate: 'Customer.posture', class: 'POSTURE', reason: 'ROLE', count: 9, paths: [['customers', 0, 'posture'], ['customers', 2, 'posture']] }];
  assert.deepEqual(shown({ data, extensions: { hidden } }).map(([, , text]) => text), ['hidden: POSTURE, ROLE', 'hidden: POSTURE, ROLE, and 7 more']);
});

test('a path that was swallowed by a null above is marked at that null', () => {
  const answer = { data: { customers: [{ posture: null }] }, errors: [{ ...denied(0, 'ROLE'), path: ['customers', 0, 'posture', 'riskScore'] }] };
  assert.deepEqual(shown(answer), [['"posture": null', 5, 'hidden: POSTURE, ROLE']]);
  assert.deepEqual(shown({ data: null, errors: [denied(0, 'ROLE')] }), [], 'there is nothing to mark in no data');
});

test('a null without a denial is not marked, nor an error that is none', () => {
  const other = { message: 'broken', path: ['customers', 1, 'name'], extensions: { code: 'INTERNAL' } };
  assert.deepEqual(shown({ data, errors: [other] }), []);
  assert.deepEqual(shown({ data, errors: [{ ...denied(7, 'ROLE') }] }), []);
  for (const nothing of [null, 'text', [], {}, { errors: 'x' }, { data: 3 }]) assert.deepEqual(denials(nothing, schema), []);
});

test('aliases and abstract types keep the name that the answer has', () => {
  const at = path => denials({ errors: [{ ...denied(0, 'ROLE'), path }] }, schema)[0].coordinate;
  assert.equal(at(['customers', 0, 'posture', 'riskScore']), 'Posture.riskScore');
  assert.equal(at(['theirs', 0, 'posture']), 'posture');
  assert.equal(at(['node', 'posture']), 'posture');
});
