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
      const at = (start: number, end: number) => ({ startLineNumber: line, startColumn: start, endLineNumber: line, endColumn: end });
      const [from, to] = [found.index + 1, found.index + 1 + found[0].length];
      const hoverMessage = explanation ? { value: explanation } : null;
      const after = { content: `\u00a0${text}\u00a0`, inlineClassName: 'hidden-mark', inlineClassNameAffectsLetterSpacing: true };
      return [
        { range: at(from, from + 'null'.length), options: { inlineClassName: 'hidden-null', hoverMessage } },
        { range: at(to, to), options: { after, showIfCollapsed: true } },
      ];
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
