// Live events over graphql-sse, one request a stream: the page's policy lets it talk to its own origin, and a request carries headers.

import { NetworkError, createClient } from 'graphql-sse';

/** How a stream stands. */
export interface Live {
  state: 'connecting' | 'listening' | 'stopped' | 'ended';
  events: number;
  /** The code that it ended with, where it did so with an error. */
  code: string | null;
}

export interface Request {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown>;
}

interface Sink {
  next: (answer: unknown) => void;
  complete: () => void;
}

/** What GraphiQL calls an observable: it subscribes once, and unsubscribes where a person presses stop or another tab. */
export interface Stream {
  subscribe: (sink: Sink) => { unsubscribe: () => void };
}

/** A stream that has not begun; `onLive` hears how it stands. */
export function stream(request: Request, headers: Headers, onLive: (live: Live) => void): Stream {
  return {
    subscribe(sink) {
      let live: Live = { state: 'connecting', events: 0, code: null };
      const become = (next: Partial<Live>) => onLive((live = { ...live, ...next }));
      let over = false;
      let last: unknown = null;
      const end = (code: string | null) => {
        if (over) return;
        over = true;
        become({ state: 'ended', code });
        sink.complete();
      };
      become({});
      // What is cut off is shown as that, and not silently begun again: a person runs it again.
      const client = createClient({ url: '/graphql', headers: Object.fromEntries(headers), retryAttempts: 0 });
      const stop = client.subscribe<Record<string, unknown>>(
        { ...request, operationName: request.operationName ?? undefined },
        {
          next(answer) {
            if (over) return;
            last = answer;
            if (answer.data) become({ events: live.events + 1 });
            sink.next(answer);
          },
          error(error) {
            void explain(error).then(answer => {
              if (over) return;
              sink.next(answer);
              end(codeOf(answer) ?? 'NETWORK');
            });
          },
          complete: () => end(codeOf(last)),
        },
        { connected: () => over || become({ state: 'listening' }) },
      );
      return {
        unsubscribe() {
          if (over) return;
          over = true;
          stop();
          become({ state: 'stopped' });
        },
      };
    },
  };
}

/** The code of an answer that is nothing but an error. */
function codeOf(answer: unknown): string | null {
  const { data, errors } = (answer ?? {}) as { data?: unknown; errors?: { extensions?: { code?: string } }[] };
  return data ? null : (errors?.[0]?.extensions?.code ?? null);
}

/** What the gateway said in a stream's place, or that it said nothing. */
async function explain(error: unknown): Promise<unknown> {
  if (error instanceof NetworkError && error.response instanceof Response) {
    try {
      return await error.response.json();
    } catch {
      // No answer in GraphQL's shape, or none that is left to be read.
    }
  }
  return { errors: [{ message: error instanceof Error ? error.message : String(error) }] };
}
