// Fails where the schema breaks a client of the last release, whose schema is `released.graphql`:
//
//   npm run breaking           compares
//   npm run release-schema     makes the present schema the released one, as part of a release: it takes another version in Cargo.toml than
//                              the last one's, which `released.graphql` names at its head
//
// A field that goes is deprecated in one release and removed in a later one. `ALLOWED` is for what has to break all the same:
// each with the reason, and emptied by the next release.

import { readFileSync, writeFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

/** Paths of changes that break clients on purpose, each with its reason. */
const ALLOWED = {};

const text = path => readFileSync(new URL(path, import.meta.url), 'utf8');
const read = path => buildSchema(text(path));

/** The version that the released schema is of, and the one that is under way. */
const released = text('../released.graphql').match(/^# posture-gateway (\S+)\n/)?.[1];
const present = text('../../Cargo.toml').match(/^version = "(.+)"$/m)?.[1];
if (!released || !present) throw new Error('released.graphql begins with `# posture-gateway VERSION`, Cargo.toml has a version');

if (process.argv.includes('--release')) {
  if (released === present) throw new Error(`${present} is released: give Cargo.toml the next version first`);
  writeFileSync(new URL('../released.graphql', import.meta.url), `# posture-gateway ${present}\n${text('../../schema.graphql')}`);
}

const changes = await diff(read('../released.graphql'), read('../../schema.graphql'));
const of = level => changes.filter(change => change.criticality.level === level);

const breaking = of(CriticalityLevel.Breaking).filter(change => !(change.path in ALLOWED));
const stale = Object.keys(ALLOWED).filter(path => !changes.some(change => change.path === path));
for (const change of of(CriticalityLevel.Dangerous)) console.log(`dangerous: ${change.message}`);
for (const change of breaking) console.error(`breaks clients: ${change.message} (${change.path})`);
for (const path of stale) console.error(`no longer breaks anything, remove it from ALLOWED: ${path}`);
console.log(`${changes.length} changes since ${released}, ${breaking.length} break clients`);
process.exitCode = breaking.length + stale.length > 0 ? 1 : 0;
