// Fails where the schema breaks a client of the last release, whose schema is `released.graphql`:
//
//   npm run breaking           compares
//   npm run release-schema     makes the present schema the released one, as part of a release
//
// A field that goes is deprecated in one release and removed in a later one. `ALLOWED` is for what has to break all the same:
// each with the reason, and emptied by the next release.

import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

/** Paths of changes that break clients on purpose, each with its reason. */
const ALLOWED = {};

const read = path => buildSchema(readFileSync(new URL(path, import.meta.url), 'utf8'));
const changes = await diff(read('../released.graphql'), read('../../schema.graphql'));
const of = level => changes.filter(change => change.criticality.level === level);

const breaking = of(CriticalityLevel.Breaking).filter(change => !(change.path in ALLOWED));
const stale = Object.keys(ALLOWED).filter(path => !changes.some(change => change.path === path));
for (const change of of(CriticalityLevel.Dangerous)) console.log(`dangerous: ${change.message}`);
for (const change of breaking) console.error(`breaks clients: ${change.message} (${change.path})`);
for (const path of stale) console.error(`no longer breaks anything, remove it from ALLOWED: ${path}`);
console.log(`${changes.length} changes since the last release, ${breaking.length} break clients`);
process.exitCode = breaking.length + stale.length > 0 ? 1 : 0;
