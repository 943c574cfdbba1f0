// The gateway under test and who asks it: `npm test` starts it and says where it is.

import { readFileSync } from 'node:fs';

interface Persona {
  email: string;
  token: string;
  /** What operations are tried on: a customer and an access that the persona knows. */
  variables: { customer?: string; access?: string };
}

/** One operation of a manifest in Apollo's format. */
export interface TrustedOperation {
  id: string;
  name: string;
  type: 'query' | 'mutation';
  body: string;
}

const where = (variable: string): string => {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: \`npm test\` starts the gateways`);
  return value;
};

/** A gateway that takes any document. */
export const OPEN = where('GATEWAY_OPEN');

/** A gateway that takes documents of their own from platform admins alone. */
export const TRUSTING = where('GATEWAY_TRUSTING');

const personas = (await (await fetch(new URL('/demo/personas', OPEN))).json()) as Persona[];

export const ADMIN = 'admin@harbor-partner.example';
export const OPERATOR = 'operator@harbor-partner.example';
export const MSSP = 'admin@redwood-partner.example';
export const CUSTOMER = 'admin@acorn.example';
export const READER = 'reader@garnet.example';
export const PLATFORM = 'admin@platform.example';

export function persona(email: string): Persona {
  const found = personas.find(persona => persona.email === email);
  if (!found) throw new Error(`the demo has no persona ${email}`);
  return found;
}

/** What an app sends with every request: its user's token, and that denials are to stay out of `errors`. */
export const headersOf = (email: string, placement: 'errors' | 'extensions' = 'extensions'): Record<string, string> => ({
  authorization: `Bearer ${persona(email).token}`,
  ...(placement === 'extensions' ? { 'hidden-fields': 'extensions' } : {}),
});

export const endpoint = (gateway: string): string => new URL('/graphql', gateway).href;

/** A client's trusted documents, as they are in the repository. */
export const manifest = (client: 'partner-app' | 'customer-portal'): TrustedOperation[] =>
  (JSON.parse(readFileSync(`trusted-documents/${client}/apollo.json`, 'utf8')) as { operations: TrustedOperation[] }).operations;

/** Sends one request by hand. */
export async function send(
  gateway: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: any; type: string | null }> {
  const reply = await fetch(endpoint(gateway), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json(), type: reply.headers.get('content-type') };
}
