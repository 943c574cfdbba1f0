// Reads an answer for what the gate withheld, in either placement: each denial once for the strip, and each null for the marks.

import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { getNamedType, isInterfaceType, isObjectType } from 'graphql';

type Path = (string | number)[];

export interface Denial {
  /** `Customer.findings`, or as much of it as the path tells. */
  coordinate: string;
  class: string;
  reason: string;
  count: number;
  /** Where in `data` it stands: all places as errors, the first three in extensions. */
  paths: Path[];
  /** The gate's sentence, where the answer has one. */
  explanation: string;
}

/** A null that stands for something hidden. */
export interface Mark {
  /** In the answer as it is shown, counted from 1. */
  line: number;
  text: string;
  explanation: string;
}

interface GatewayResponse {
  data?: unknown;
  errors?: { message?: string; path?: Path; extensions?: { code?: string; class?: string; reason?: string } }[];
  extensions?: { hidden?: Omit<Denial, 'explanation'>[] };
}

/** The schema coordinate at the end of a response path; an alias or an abstract type leaves the field's name alone. */
function coordinate(schema: GraphQLSchema | null | undefined, path: Path): string {
  const fields = path.filter(part => typeof part === 'string');
  const roots = [schema?.getQueryType(), schema?.getMutationType(), schema?.getSubscriptionType()];
  let type: GraphQLObjectType | null = roots.find(root => root?.getFields()[fields[0] ?? '']) ?? null;
  let found = fields.at(-1) ?? 'response';
  for (const name of fields) {
    const field = type?.getFields()[name];
    if (!type || !field) return fields.at(-1) ?? found;
    found = `${type.name}.${name}`;
    const next = getNamedType(field.type);
    type = isObjectType(next) || isInterfaceType(next) ? (next as typeof type) : null;
  }
  return found;
}

/**
 * Every denial of an answer, each with how often it occurred: the most frequent first, then by name and reason, since
 * the errors of one answer come in no fixed order.
 */
export function denials(answer: unknown, schema: GraphQLSchema | null | undefined): Denial[] {
  const { errors, extensions } = (answer ?? {}) as GatewayResponse;
  const found = new Map<string, Denial>();
  const add = (denial: Denial) => {
    const key = `${denial.coordinate} ${denial.class} ${denial.reason}`;
    const before = found.get(key);
    const count = denial.count + (before?.count ?? 0);
    found.set(key, { ...denial, count, paths: [...(before?.paths ?? []), ...denial.paths] });
  };
  for (const { path = [], message = '', extensions: said } of list(errors)) {
    if (said?.code !== 'HIDDEN') continue;
    const { class: hidden = '', reason = '' } = said;
    add({ coordinate: coordinate(schema, path), class: hidden, reason, count: 1, paths: [path], explanation: message });
  }
  for (const denial of list(extensions?.hidden)) add({ ...denial, paths: list(denial.paths), explanation: '' });
  return [...found.values()].sort(
    (a, b) =>
      b.count - a.count || a.coordinate.localeCompare(b.coordinate) || a.reason.localeCompare(b.reason),
  );
}

/** The nulls of denials in `JSON.stringify(answer, null, 2)`; where an answer names fewer places than there are, the last one says so. */
export function marks(answer: unknown, found: Denial[]): Mark[] {
  if (found.length === 0) return [];
  const nulls = nullLines(answer);
  return found.flatMap(({ class: hidden, reason, count, paths, explanation }) =>
    paths.flatMap((path, nth) => {
      const line = lineOf(nulls, path);
      const untold = nth === paths.length - 1 ? count - paths.length : 0;
      const more = untold > 0 ? `, and ${untold} more` : '';
      return line === undefined ? [] : [{ line, text: `hidden: ${hidden}, ${reason}${more}`, explanation }];
    }),
  );
}

/** Where a value that a path leads to stands, or the null above it that swallowed it. */
function lineOf(nulls: Map<string, number>, path: Path): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const line = nulls.get(JSON.stringify(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return undefined;
}

/** The lines of all nulls in `data`, by their paths. */
function nullLines(answer: unknown): Map<string, number> {
  const lines = new Map<string, number>();
  let line = 0;
  const walk = (value: unknown, path: Path | null) => {
    line += 1;
    if (typeof value !== 'object' || value === null) {
      if (value === null && path) lines.set(JSON.stringify(path), line);
      return;
    }
    const isList = Array.isArray(value);
    const entries = Object.entries(value);
    // An empty object and an empty list take one line.
    if (entries.length === 0) return;
    for (const [key, child] of entries) walk(child, path && [...path, isList ? Number(key) : key]);
    line += 1;
  };
  if (typeof answer !== 'object' || answer === null) return lines;
  line = 1;
  for (const [key, value] of Object.entries(answer)) walk(value, key === 'data' ? [] : null);
  return lines;
}

function list<T>(value: T[] | undefined): T[] {
  return Array.isArray(value) ? value : [];
}
