// The ready examples: the files of examples/, each with its title and the people it is meant for in its first two lines.

import type { VariableDefinitionNode } from 'graphql';
import { Kind, parse } from 'graphql';
import type { Persona } from './personas';
import { words } from './personas';

const sources = import.meta.glob<string>('../examples/*.graphql', { query: '?raw', import: 'default', eager: true });
const ORDER = ['partner-home', 'dashboard', 'customer-findings', 'hidden-and-why', 'billing', 'portal-home', 'portal-trend'];

export interface Example {
  /** The file's name without its ending. */
  name: string;
  title: string;
  /** In the plural, as written: "partner users". */
  audience: string[];
  query: string;
  /** The names of the variables that the operation declares. */
  declares: string[];
  /** Those of them that it cannot run without. */
  requires: string[];
}

function header(query: string, key: string): string {
  return new RegExp(`^# ${key}: (.+)$`, 'm').exec(query)?.[1]?.trim() ?? '';
}

function declared(query: string): VariableDefinitionNode[] {
  return parse(query).definitions.flatMap(definition =>
    definition.kind === Kind.OPERATION_DEFINITION ? (definition.variableDefinitions ?? []) : [],
  );
}

const nameOf = ({ variable }: VariableDefinitionNode) => variable.name.value;
const isRequired = ({ type, defaultValue }: VariableDefinitionNode) => type.kind === Kind.NON_NULL_TYPE && !defaultValue;

function rank(example: Example): number {
  const place = ORDER.indexOf(example.name);
  return place < 0 ? ORDER.length : place;
}

export const EXAMPLES: Example[] = Object.entries(sources)
  .map(([path, query]) => ({
    name: path.replace(/^.*\//, '').replace(/\.graphql$/, ''),
    title: header(query, 'Title'),
    audience: header(query, 'For').split(',').map(part => part.trim()),
    query,
    declares: declared(query).map(nameOf),
    requires: declared(query).filter(isRequired).map(nameOf),
  }))
  .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));

/** Whether the example is meant for people like this one. */
export function isFor(example: Example, persona: Persona): boolean {
  return example.audience.includes(`${words(persona.kind)}s`);
}

/** What the persona puts into the example's variables; what it lacks of the required ones is left blank, to be typed. */
export function fill(example: Example, persona: Persona | null): Record<string, string> {
  const offered: Record<string, string | null> = { ...persona?.variables };
  return Object.fromEntries(
    example.declares
      .filter(name => offered[name] || example.requires.includes(name))
      .map(name => [name, offered[name] ?? '']),
  );
}

/** Whether nothing that the example requires is blank. */
export function isComplete(variables: Record<string, string>): boolean {
  return Object.values(variables).every(value => value !== '');
}
