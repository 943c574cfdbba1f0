// Writes what is made from the clients' operations and the schema:
//
//   trusted-documents/CLIENT/apollo.json   as Apollo Client sends them (`apollo-persisted-query-manifest`, version 1)
//   trusted-documents/CLIENT/relay.json    as Relay sends them (id and text)
//   build/generated/CLIENT.ts              typed operations, for the tests
//   build/relay/CLIENT/                    Relay's artifacts, for the tests
//
// The first two are in the repository: `--check` fails where they are not what the operations say.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { buildSchema, parse, print, validate } from 'graphql';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
const check = process.argv.includes('--check');

/** How the gateway's scalars come over the wire. */
const scalars = { Date: 'string', DateTime: 'string', Decimal: 'string' };

const sdl = readFileSync(here('../schema.graphql'), 'utf8');
const schema = buildSchema(sdl);
let drift = false;

for (const client of ['partner-app', 'customer-portal']) {
  const modules = readdirSync(here(client))
    .filter(file => file.endsWith('.graphql'))
    .sort()
    .map(file => ({ name: file.replace(/\.graphql$/, ''), text: readFileSync(here(`${client}/${file}`), 'utf8') }));
  const documents = modules.map(({ name, text }) => ({ location: `${client}/${name}.graphql`, document: parse(text) }));
  const faults = validate(schema, parse(modules.map(({ text }) => text).join('\n')));
  if (faults.length > 0) throw new Error(`clients/${client}: ${faults.map(fault => fault.message).join('; ')}`);

  mkdirSync(here(`trusted-documents/${client}`), { recursive: true });
  keep(`trusted-documents/${client}/apollo.json`, apollo(client, modules));
  keep(`trusted-documents/${client}/relay.json`, relay(client, modules));
  mkdirSync(here('build/generated'), { recursive: true });
  writeFileSync(here(`build/generated/${client}.ts`), await typed(client, documents));
}
if (drift) {
  console.error('the trusted documents are not what the operations say: npm run documents');
  process.exitCode = 1;
}

/** Writes a file of the repository, or says that it would be another one. */
function keep(path, text) {
  let before = '';
  try {
    before = readFileSync(here(path), 'utf8');
  } catch {
    // There is none yet.
  }
  if (before === text) return;
  if (!check) return writeFileSync(here(path), text);
  drift = true;
  console.error(`clients/${path} differs`);
}

/** Apollo's generator wants a file for each operation. */
function apollo(client, modules) {
  const folder = here(`build/apollo/${client}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/src`, { recursive: true });
  for (const definition of modules.flatMap(({ text }) => parse(text).definitions)) {
    writeFileSync(`${folder}/src/${definition.name.value}.graphql`, print(definition));
  }
  const output = `${folder}/manifest.json`;
  const config = `${folder}/config.json`;
  writeFileSync(config, JSON.stringify({ documents: [`${folder}/src/*.graphql`], output }));
  const cli = here('node_modules/@apollo/generate-persisted-query-manifest/cli.js');
  execFileSync(process.execPath, [cli, '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  return `${JSON.stringify(JSON.parse(readFileSync(output, 'utf8')), null, 2)}\n`;
}

/** Relay reads operations from modules of TypeScript alone, so each file becomes one. */
function relay(client, modules) {
  const folder = here(`build/relay/${client}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/src`, { recursive: true });
  for (const { name, text } of modules) {
    const tags = parse(text).definitions.map(definition => `graphql\`\n${print(definition)}\n\`;\n`);
    writeFileSync(`${folder}/src/${name}.ts`, `import { graphql } from 'relay-runtime';\n\n${tags.join('\n')}`);
  }
  // Relay has these directives itself.
  writeFileSync(`${folder}/schema.graphql`, sdl.replace(/("""[^"]*"""\n)?directive @(include|skip|specifiedBy)\b.*\n/g, ''));
  writeFileSync(`${folder}/documents.json`, '{}');
  writeFileSync(
    `${folder}/relay.config.json`,
    JSON.stringify({
      src: './src',
      schema: './schema.graphql',
      language: 'typescript',
      eagerEsModules: true,
      customScalarTypes: scalars,
      // `@alias` is Relay's alone: other clients would send it to the gateway.
      featureFlags: { enforce_fragment_alias_where_ambiguous: { kind: 'disabled' } },
      persistConfig: { file: './documents.json', algorithm: 'SHA256' },
    }),
  );
  try {
    execFileSync(here('node_modules/.bin/relay-compiler'), ['relay.config.json'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`Relay's compiler: ${error.stdout}${error.stderr}`);
  }
  const entries = Object.entries(JSON.parse(readFileSync(`${folder}/documents.json`, 'utf8')));
  return `${JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))), null, 2)}\n`;
}

function typed(client, documents) {
  const config = { scalars, enumsAsTypes: true, useTypeImports: true, skipTypename: true, strictScalars: true, dedupeOperationSuffix: true };
  return codegen({
    filename: `${client}.ts`,
    schema: parse(sdl),
    schemaAst: schema,
    documents,
    config,
    plugins: [{ operations: {} }, { documents: {} }],
    pluginMap: { operations: typescriptOperations, documents: typedDocumentNode },
  });
}
