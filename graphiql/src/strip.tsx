// The strip above GraphiQL: persona, examples, the placement of denials, and what the last answer withheld.

import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { getOperationAST, parse } from 'graphql';
import type { Example } from './examples';
import { EXAMPLES, fill, isComplete, isFor } from './examples';
import { denials } from './hidden';
import type { Persona } from './personas';
import { words } from './personas';

interface StripProps {
  personas: Persona[];
  persona: Persona | null;
  onPersona: (persona: Persona) => void;
  hiddenInExtensions: boolean;
  onHiddenInExtensions: (on: boolean) => void;
  /** The last answer, as received. */
  response: unknown;
}

export function Strip(props: StripProps) {
  const { personas, persona, onPersona, hiddenInExtensions, onHiddenInExtensions, response } = props;
  const open = useOpenExample();
  const schema = useGraphiQL(state => state.schema);
  const hidden = denials(response, schema);

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
                if (next) onPersona(next);
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
              if (example) open(example, fill(example, persona));
            }}
          >
            <option value="" disabled>
              Open and run…
            </option>
            <Options label="For this persona" persona={persona} examples={persona ? EXAMPLES.filter(e => isFor(e, persona)) : EXAMPLES} />
            {persona && <Options label="For others" persona={persona} examples={EXAMPLES.filter(e => !isFor(e, persona))} />}
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
      </div>
      <p id="persona-description">
        {persona ? persona.description : 'Sign in with {"Authorization": "Bearer …"} in the headers editor below the query.'}
      </p>
      <p data-testid="hidden-summary" role="status" className="hidden-summary">
        {hidden.length > 0 && <strong>Hidden</strong>}
        {hidden.map(({ coordinate, class: dataClass, reason, count }) => (
          <span key={`${coordinate} ${dataClass} ${reason}`} className="denial">
            <code>{coordinate}</code> {dataClass}, {reason}, {count === 1 ? 'once' : `${count} times`}
          </span>
        ))}
      </p>
    </header>
  );
}

function Options({ label, examples, persona }: { label: string; examples: Example[]; persona: Persona | null }) {
  if (examples.length === 0) return null;
  return (
    <optgroup label={persona ? label : 'Examples'}>
      {examples.map(example => {
        const { name, title, audience } = example;
        return (
          <option key={name} value={name} disabled={persona !== null && !isComplete(fill(example, persona))}>
            {title} ({audience.join(', ')})
          </option>
        );
      })}
    </optgroup>
  );
}

/** Opens an example in its own tab, fills its variables and, where none is left blank, runs it. */
function useOpenExample(): (example: Example, variables: Record<string, string>) => void {
  const actions = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    pick('tabs', 'activeTabIndex', 'queryEditor', 'variableEditor'),
  );
  return ({ query, title }, variables) => {
    const existing = tabs.findIndex(tab => tab.query?.startsWith(`# Title: ${title}\n`));
    if (existing < 0) actions.addTab();
    else if (existing !== activeTabIndex) actions.changeTab(existing);

    const filled = Object.keys(variables).length > 0 ? JSON.stringify(variables, null, 2) : '';
    queryEditor?.setValue(query);
    variableEditor?.setValue(filled);
    actions.updateActiveTabValues({ query, variables: filled });
    // The editor learns the operation's name a moment after the text; the request must not wait for it.
    const documentAST = parse(query);
    const operation = getOperationAST(documentAST);
    if (!operation) return;
    actions.setOperationFacts({ documentAST, operationName: operation.name?.value, operations: [operation] });
    if (isComplete(variables)) actions.run();
  };
}
