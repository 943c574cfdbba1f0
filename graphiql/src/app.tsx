// GraphiQL with the gateway's strip above it: who asks, which example, and where denials are told.

import { DocExplorerStore, DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { GraphiQLProvider } from '@graphiql/react';
import { GraphiQL, GraphiQLInterface } from 'graphiql';
import { useMemo, useRef, useState } from 'react';
import { EXAMPLES } from './examples';
import type { RequestOptions } from './fetcher';
import { createFetcher } from './fetcher';
import type { Live } from './live';
import type { Persona } from './personas';
import { Strip } from './strip';

const WELCOME = EXAMPLES.find(({ name }) => name === 'who-am-i')?.query;
// No history: it would keep what is typed into the headers editor, a token for one, in the browser's storage.
const PLUGINS = [DOC_EXPLORER_PLUGIN];

export function App({ personas }: { personas: Persona[] }) {
  const [persona, setPersona] = useState<Persona | null>(personas[0] ?? null);
  const [hiddenInExtensions, setHiddenInExtensions] = useState(false);
  const [live, setLive] = useState<Live | null>(null);

  const options = useRef<RequestOptions>({ token: null, hiddenInExtensions: false });
  options.current = { token: persona?.token ?? null, hiddenInExtensions };
  const fetcher = useMemo(() => createFetcher(() => options.current, setLive), []);

  return (
    <GraphiQLProvider
      fetcher={fetcher}
      plugins={PLUGINS}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      defaultQuery={WELCOME}
      shouldPersistHeaders={false}
    >
      <DocExplorerStore>
        <Strip
          personas={personas}
          persona={persona}
          onPersona={setPersona}
          hiddenInExtensions={hiddenInExtensions}
          onHiddenInExtensions={setHiddenInExtensions}
          live={live}
          onExample={() => setLive(null)}
        />
        <main className="explorer">
          <GraphiQLInterface
            showPersistHeadersSettings={false}
            defaultEditorToolsVisibility={personas.length > 0 ? 'variables' : 'headers'}
          >
            <GraphiQL.Logo>{null}</GraphiQL.Logo>
          </GraphiQLInterface>
        </main>
      </DocExplorerStore>
    </GraphiQLProvider>
  );
}
