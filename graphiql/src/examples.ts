// The ready examples: every operation of the apps in clients/, each with the fragments that it needs, and the files of examples/, which say
// in their first two lines what they are and for whom.

import type { DefinitionNode, DocumentNode, OperationDefinitionNode, VariableDefinitionNode } from 'graphql';
import { Kind, parse, visit } from 'graphql';
import prepared from '../examples/variables.json';
import type { Persona } from './personas';
import { words } from './personas';

const own = import.meta.glob<string>('../examples/*.graphql', { query: '?raw', import: 'default', eager: true });
const partnerApp = import.meta.glob<string>('../../clients/partner-app/*.graphql', { query: '?raw', import: 'default', eager: true });
const portal = import.meta.glob<string>('../../clients/customer-portal/*.graphql', { query: '?raw', import: 'default', eager: true });
/** What comes first in the menu; the rest by title. */
const FIRST = ['PartnerHomeQuery', 'PortalHomeQuery', 'platform', 'hidden-and-why'];

export interface Example {
  /** The operation's name for the apps' ones, the file's name without its ending for the others. */
  name: string;
  title: string;
  /** In the plural, as written: "partner users". */
  audience: string[];
  kind: `${OperationDefinitionNode['operation']}`;
  query: string;
  variables: Variable[];
}

interface Variable {
  name: string;
  /** The named type, without list and `!`. */
  type: string;
  /** Whether the operation cannot run without it. */
  required: boolean;
}

function header(query: string, key: string): string {
  return new RegExp(`^# ${key}: (.+)$`, 'm').exec(query)?.[1]?.trim() ?? '';
}

function variable({ variable, type, defaultValue }: VariableDefinitionNode): Variable {
  let named = type;
  while (named.kind !== Kind.NAMED_TYPE) named = named.type;
  return { name: variable.name.value, type: named.name.value, required: type.kind === Kind.NON_NULL_TYPE && !defaultValue };
}

function isOperation(definition: DefinitionNode): definition is OperationDefinitionNode {
  return definition.kind === Kind.OPERATION_DEFINITION;
}

function example(name: string, title: string, audience: string[], query: string): Example {
  const operation = parse(query).definitions.find(isOperation);
  if (!operation) throw new Error(`no operation in ${name}`);
  return { name, title, audience, kind: operation.operation, query, variables: (operation.variableDefinitions ?? []).map(variable) };
}

/** `CustomerList` reads "Customer list". */
function sentence(name: string): string {
  const text = name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function operationsOf(app: string, audience: string, files: Record<string, string>): Example[] {
  const modules = Object.entries(files).map(([path, text]) => ({ file: base(path), text, document: parse(text) }));
  const texts = new Map(
    modules.flatMap(({ text, document }) =>
      document.definitions.map(definition => [nameOf(definition), text.slice(definition.loc?.start, definition.loc?.end)] as const),
    ),
  );
  const documents = new Map(modules.flatMap(({ document }) => document.definitions.map(one => [nameOf(one), one] as const)));
  return modules.flatMap(({ file, text, document }) =>
    document.definitions.filter(isOperation).map(operation => {
      const name = nameOf(operation);
      const part = name.slice(file.length).replace(/(Query|Mutation|Subscription)$/, '');
      const title = part ? `${sentence(file)}: ${sentence(part).toLowerCase()}` : sentence(file);
      const said = /^(#.*\n)*/.exec(text)?.[0] ?? '';
      const parts = [...needed(operation, documents)].map(each => texts.get(each));
      const query = `# Title: ${title}\n# From: clients/${app}/${file}.graphql\n${said}${parts.join('\n\n')}\n`;
      return example(name, title, [audience], query);
    }),
  );
}

/** The names of a definition and of the fragments below it, each once. */
function needed(definition: DefinitionNode, all: Map<string, DefinitionNode>, found = new Set<string>()): Set<string> {
  found.add(nameOf(definition));
  visit({ kind: Kind.DOCUMENT, definitions: [definition] } as DocumentNode, {
    FragmentSpread({ name }) {
      const fragment = all.get(name.value);
      if (fragment && !found.has(name.value)) needed(fragment, all, found);
    },
  });
  return found;
}

function nameOf(definition: DefinitionNode): string {
  return 'name' in definition ? (definition.name?.value ?? '') : '';
}

function base(path: string): string {
  return path.replace(/^.*\//, '').replace(/\.graphql$/, '');
}

function rank({ name }: Example): number {
  const place = FIRST.indexOf(name);
  return place < 0 ? FIRST.length : place;
}

export const EXAMPLES: Example[] = [
  ...Object.entries(own).map(([path, query]) =>
    example(base(path), header(query, 'Title'), header(query, 'For').split(',').map(part => part.trim()), query),
  ),
  ...operationsOf('partner-app', 'partner users', partnerApp),
  ...operationsOf('customer-portal', 'customer users', portal),
].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title));

/** Whether the example is meant for people like this one. */
export function isFor(example: Example, persona: Persona): boolean {
  return example.audience.includes(`${words(persona.kind)}s`);
}

/**
 * What the example's variables are given: what the persona is handed out, dates around today, and inputs as examples/variables.json has them.
 * What is required and not known is left blank, to be typed.
 */
export function fill(example: Example, persona: Persona | null, now = new Date()): Record<string, unknown> {
  const day = 24 * 60 * 60 * 1000;
  const known: Record<string, string | null> = {
    ...persona?.variables,
    month: `${now.toISOString().slice(0, 7)}-01`,
    monthAgo: new Date(now.getTime() - 30 * day).toISOString(),
    inAMonth: new Date(now.getTime() + 30 * day).toISOString(),
  };
  const put = (value: unknown): unknown => {
    if (typeof value === 'string') return value.startsWith('$') ? (known[value.slice(1)] ?? '') : value;
    if (Array.isArray(value)) return value.map(put);
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, put(one)]));
    return value;
  };
  const inputs: Record<string, unknown> = prepared.inputs;
  const ready: Record<string, unknown> = prepared.variables;
  const given = ({ name, type }: Variable) => put(inputs[type] ?? ready[name] ?? `$${name}`);
  return Object.fromEntries(
    example.variables.map(one => [one, given(one)] as const).filter(([one, value]) => value !== '' || one.required).map(([one, value]) => [one.name, value]),
  );
}

/** Whether nothing is left to be typed. */
export function isComplete(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isComplete);
  return value !== '';
}
