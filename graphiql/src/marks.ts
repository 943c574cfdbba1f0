// The response editor, read back: what it shows, and marks at the nulls that stand for something hidden.

import { useGraphiQL } from '@graphiql/react';
import { useEffect, useState } from 'react';
import type { Mark } from './hidden';

/** The answer in the response editor; null where there is none, or none that is JSON. */
export function useAnswer(): unknown {
  const editor = useGraphiQL(state => state.responseEditor);
  const [answer, setAnswer] = useState<unknown>(null);
  useEffect(() => {
    if (!editor) return;
    const read = () => setAnswer(json(editor.getValue()));
    read();
    const listening = editor.onDidChangeModelContent(read);
    return () => listening.dispose();
  }, [editor]);
  return answer;
}

/** Marks lines of the response editor. Gives what brings one of them into view. */
export function useMarks(marks: Mark[]): (mark: Mark) => void {
  const editor = useGraphiQL(state => state.responseEditor);
  useEffect(() => {
    const model = editor?.getModel();
    if (!editor || !model) return;
    const decorations = marks.flatMap(({ line, text, explanation }) => {
      const found = line <= model.getLineCount() ? /null,?$/.exec(model.getLineContent(line)) : null;
      if (!found) return [];
      const startColumn = found.index + 1;
      return {
        range: { startLineNumber: line, startColumn, endLineNumber: line, endColumn: startColumn + found[0].length },
        options: {
          inlineClassName: 'hidden-null',
          after: { content: `\u00a0${text}\u00a0`, inlineClassName: 'hidden-mark', inlineClassNameAffectsLetterSpacing: true },
          hoverMessage: { value: explanation },
        },
      };
    });
    const collection = editor.createDecorationsCollection(decorations);
    return () => collection.clear();
  }, [editor, marks]);
  return ({ line }) => editor?.revealLineInCenter(line);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
