// The strip above GraphiQL: persona, examples, the placement of denials, how a stream stands, and what the last answer withheld.

import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { getOperationAST, parse } from 'graphql';
import { useMemo } from 'react';
import type { Example } from './examples';
import { EXAMPLES, fill, isComplete, isFor } from './examples';
import { denials, marks } from './hidden';
import type { Live } from './live';
import { useAnswer, useMarks } from './marks';
import type { Persona } from './personas';
import { words } from './personas';

interface StripProps {
  personas: Persona[];
  persona: Persona | null;
  onPersona: (persona: Persona) => void;
  hiddenInExtensions: boolean;
  onHiddenInExtensions: (on: boolean) => void;
  /** How the last stream stands; null where something else was asked since. */
  live: Live | null;
  /** An example is about to be opened. */
  onExample: () => void;
}

const KINDS = [
  ['query', 'Queries: run at once'],
  ['subscription', 'Live events: listen at once'],
  ['mutation', 'Mutations: filled in, for you to run'],
] as const;

export function Strip(props: StripProps) {
  const { personas, persona, onPersona, hiddenInExtensions, onHiddenInExtensions, live, onExample } = props;
  const open = useOpenExample();
  const forget = useForgetAnswer();
  const schema = useGraphiQL(state => state.schema);
  const answer = useAnswer();
  const hidden = useMemo(() => denials(answer, schema), [answer, schema]);
  const show = useMarks(useMemo(() => marks(answer, hidden), [answer, hidden]));
  const own = persona ? EXAMPLES.filter(example => isFor(example, persona)) : EXAMPLES;
  const others = EXAMPLES.filter(example => !own.includes(example));

  return (
    <header className="strip">
      <div className="controls">
        <h1>Posture gateway</h1>
        {persona && (
          <label>
            Persona
            <select
              data-testid="persona"
              value={persona.email}
              aria-describedby="persona-description"
              onChange={event => {
                const next = personas.find(({ email }) => email === event.target.value);
                if (!next) return;
                forget();
                onPersona(next);
              }}
            >
              {personas.map(({ email, kind, role }) => (
                <option key={email} value={email}>
                  {email} ({[kind, role].filter(Boolean).map(name => words(name ?? '')).join(', ')})
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          Example
          <select
            data-testid="example"
            value=""
            onChange={event => {
              const example = EXAMPLES.find(({ name }) => name === event.target.value);
              if (!example) return;
              forget();
              onExample();
              open(example, fill(example, persona));
            }}
          >
            <option value="" disabled>
              Open…
            </option>
            {KINDS.map(([kind, label]) => (
              <Options key={kind} label={label} examples={own.filter(example => example.kind === kind)} />
            ))}
            <Options label="For others" examples={others} />
          </select>
        </label>
        <label className="switch" title="Sends the request header hidden-fields: extensions">
          <input
            type="checkbox"
            role="switch"
            data-testid="hidden-placement"
            checked={hiddenInExtensions}
            onChange={event => onHiddenInExtensions(event.target.checked)}
          />
          Hidden fields in extensions
        </label>
        {live && (
          <span data-testid="live" data-state={live.state} role="status" className="live">
            {standing(live)}
          </span>
        )}
      </div>
      <p id="persona-description">
        {persona ? persona.description : 'Sign in with {"Authorization": "Bearer …"} in the headers editor below the query.'}
      </p>
      <p data-testid="hidden-summary" role="status" className="hidden-summary">
        {hidden.length > 0 && <strong>Hidden</strong>}
        {hidden.map(denial => {
          const { coordinate, class: dataClass, reason, count } = denial;
          return (
            <button
              key={`${coordinate} ${dataClass} ${reason}`}
              type="button"
              className="denial"
              title="Show the first in the answer"
              onClick={() => {
                const [first] = marks(answer, [denial]);
                if (first) show(first);
              }}
            >
              <code>{coordinate}</code> {dataClass}, {reason}, {count === 1 ? 'once' : `${count} times`}
            </button>
          );
        })}
      </p>
    </header>
  );
}

function Options({ label, examples }: { label: string; examples: Example[] }) {
  if (examples.length === 0) return null;
  return (
    <optgroup label={label}>
      {examples.map(({ name, title }) => (
        <option key={name} value={name}>
          {title}
        </option>
      ))}
    </optgroup>
  );
}

/** How a stream stands, in words. */
function standing({ state, events, code }: Live): string {
  const counted = events === 1 ? '1 event' : `${events} events`;
  switch (state) {
    case 'connecting':
      return 'Connecting…';
    case 'listening':
      return `Listening, ${counted}`;
    case 'stopped':
      return `Stopped after ${counted}`;
    case 'ended':
      return code ? `Ended with ${code} after ${counted}` : `Ended after ${counted}`;
  }
}

/** Ends a stream that is open and empties the response: what one persona was told is no answer to the next one. */
function useForgetAnswer(): () => void {
  const actions = useGraphiQLActions();
  const responseEditor = useGraphiQL(state => state.responseEditor);
  return () => {
    actions.stop();
    responseEditor?.setValue('');
    responseEditor?.setScrollTop(0);
    actions.updateActiveTabValues({ response: '' });
  };
}

/** Opens an example, fills its variables and, where nothing is left to be typed, runs it; mutations are run by whoever presses run. */
function useOpenExample(): (example: Example, variables: Record<string, unknown>) => void {
  const actions = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    pick('tabs', 'activeTabIndex', 'queryEditor', 'variableEditor'),
  );
  return ({ query, kind }, variables) => {
    const existing = tabs.findIndex(tab => tab.query === query);
    // An example that nobody has changed makes room for the next one.
    const replaces = EXAMPLES.some(example => example.query === queryEditor?.getValue());
    if (existing >= 0 && existing !== activeTabIndex) actions.changeTab(existing);
    else if (existing < 0 && !replaces) actions.addTab();

    const filled = Object.keys(variables).length > 0 ? JSON.stringify(variables, null, 2) : '';
    queryEditor?.setValue(query);
    variableEditor?.setValue(filled);
    actions.updateActiveTabValues({ query, variables: filled });
    // The editor learns the operation's name a moment after the text; the request must not wait for it.
    const documentAST = parse(query);
    const operation = getOperationAST(documentAST);
    if (!operation) return;
    actions.setOperationFacts({ documentAST, operationName: operation.name?.value, operations: [operation] });
    actions.updateActiveTabValues({ operationName: operation.name?.value ?? null });
    if (kind !== 'mutation' && isComplete(variables)) void actions.run();
  };
}
