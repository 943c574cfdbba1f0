// The demo's personas, as the gateway hands them out; elsewhere that address does not exist and there are none.

export interface Persona {
  email: string;
  kind: string;
  role: string | null;
  description: string;
  token: string;
  /** What the examples are tried on, by the name that they have for it; null where there is none of it. */
  variables: Record<string, string | null>;
}

/** The personas to choose from; empty where the gateway does not run as a demo. */
export async function loadPersonas(): Promise<Persona[]> {
  try {
    const response = await fetch('/demo/personas', { headers: { accept: 'application/json' } });
    return response.ok ? ((await response.json()) as Persona[]) : [];
  } catch {
    return [];
  }
}

/** A machine's word in plain letters: `PARTNER_USER` reads "partner user". */
export function words(name: string): string {
  return name.toLowerCase().replaceAll('_', ' ');
}
