// Reads a response for what the gate withheld, in either placement, and counts each denial once.

import type { GraphQLSchema } from 'graphql';
import { getNamedType, isInterfaceType, isObjectType } from 'graphql';

export interface Denial {
  /** `Customer.findings`, or as much of it as the path tells. */
  coordinate: string;
  class: string;
  reason: string;
  count: number;
}

interface GatewayResponse {
  errors?: { path?: (string | number)[]; extensions?: { code?: string; class?: string; reason?: string } }[];
  extensions?: { hidden?: Denial[] };
}

/** The schema coordinate at the end of a response path; an alias or an abstract type leaves the field's name alone. */
function coordinate(schema: GraphQLSchema | null | undefined, path: (string | number)[]): string {
  const fields = path.filter(part => typeof part === 'string');
  let type = schema?.getQueryType() ?? null;
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
 * Every denial of a response, each with how often it occurred: the most frequent first, then by name and reason, since
 * the errors of one response come in no fixed order.
 */
export function denials(response: unknown, schema: GraphQLSchema | null | undefined): Denial[] {
  if (typeof response !== 'object' || response === null) return [];
  const { errors = [], extensions } = response as GatewayResponse;
  const found = new Map<string, Denial>();
  const add = (denial: Denial) => {
    const key = `${denial.coordinate} ${denial.class} ${denial.reason}`;
    found.set(key, { ...denial, count: denial.count + (found.get(key)?.count ?? 0) });
  };
  for (const { path = [], extensions: said } of errors) {
    if (said?.code !== 'HIDDEN') continue;
    add({ coordinate: coordinate(schema, path), class: said.class ?? '', reason: said.reason ?? '', count: 1 });
  }
  extensions?.hidden?.forEach(add);
  return [...found.values()].sort(
    (a, b) =>
      b.count - a.count || a.coordinate.localeCompare(b.coordinate) || a.reason.localeCompare(b.reason),
  );
}
