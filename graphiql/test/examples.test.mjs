// Every example, as the page offers it, against the schema: ../schema.graphql or SCHEMA.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSchema, coerceInputValue, parse, typeFromAST, validate } from 'graphql';
import { load } from './load.mjs';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const AUDIENCES = new Set(['partner users', 'customer users', 'platform admins', 'scanners']);

const schema = buildSchema(readFileSync(process.env.SCHEMA ?? here('../../schema.graphql'), 'utf8'));
const { modules, close } = await load('/src/examples.ts');
const [{ EXAMPLES, fill, isComplete, isFor }] = modules;
after(close);

const variables = { customer: 'c', access: 'a', finding: 'f', scanSchedule: 's', postureShare: 'p', colleague: 'u' };
const persona = kind => ({ kind, variables });

test('every operation of the apps is offered, and every file of examples/', () => {
  const count = folder =>
    readdirSync(here(folder))
      .filter(name => name.endsWith('.graphql'))
      .flatMap(name => parse(readFileSync(here(`${folder}/${name}`), 'utf8')).definitions)
      .filter(({ kind }) => kind === 'OperationDefinition').length;
  const all = count('../../clients/partner-app') + count('../../clients/customer-portal') + count('../examples');
  assert.ok(all > 60, `${all}`);
  assert.equal(EXAMPLES.length, all);
  assert.equal(new Set(EXAMPLES.map(({ name }) => name)).size, all, 'a name each');
  assert.equal(new Set(EXAMPLES.map(({ query }) => query.split('\n')[0])).size, all, 'a title each');
});

for (const example of EXAMPLES) {
  test(`${example.name} is valid and says what it is and for whom`, () => {
    const document = parse(example.query);
    assert.deepEqual(validate(schema, document).map(error => error.message), []);
    assert.match(example.query, /^# Title: \S.*\n# (For|From): \S/);
    assert.ok(example.title.length > 0 && example.audience.length > 0);
    assert.deepEqual(example.audience.filter(people => !AUDIENCES.has(people)), []);
  });

  test(`${example.name} gets variables of its types`, () => {
    const given = fill(example, persona('PARTNER_USER'));
    const [operation] = parse(example.query).definitions;
    for (const { variable, type, defaultValue } of operation.variableDefinitions) {
      const name = variable.name.value;
      if (!(name in given)) {
        assert.ok(type.kind !== 'NonNullType' || defaultValue, `${name} is required`);
        continue;
      }
      coerceInputValue(given[name], typeFromAST(schema, type), (path, _, error) => assert.fail(`${name}.${path.join('.')}: ${error.message}`));
    }
    if (example.kind !== 'mutation') assert.ok(isComplete(given), `it runs at once: ${JSON.stringify(given)}`);
  });
}

test('what is not known is left blank, and what is optional is left out', () => {
  const example = EXAMPLES.find(({ name }) => name === 'SellingAcceptQuoteMutation');
  assert.deepEqual(fill(example, persona('PARTNER_USER')), { input: { quoteId: '' } });
  assert.equal(isComplete({ input: { quoteId: '' } }), false);
  const list = EXAMPLES.find(({ name }) => name === 'CustomerListQuery');
  assert.deepEqual(fill(list, persona('PARTNER_USER')), {});
  assert.deepEqual(fill(EXAMPLES.find(({ name }) => name === 'BillingQuery'), null, new Date('2026-03-18T12:00:00Z')), { month: '2026-03-01' });
});

test('each kind of people has examples of its own', () => {
  for (const kind of ['PARTNER_USER', 'CUSTOMER_USER', 'PLATFORM_ADMIN', 'SCANNER']) {
    assert.ok(EXAMPLES.some(example => isFor(example, persona(kind))), kind);
  }
  assert.equal(isFor(EXAMPLES.find(({ name }) => name === 'CustomerListQuery'), persona('CUSTOMER_USER')), false);
});
