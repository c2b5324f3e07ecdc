/** How a worker thread is called: `worker 2 (crunch.js)`. */
import { visibleText } from './visible-text.ts';

const MAX_CHARS = 60;

/** The file of its script, without folders; empty for a thread that was started with `eval`. */
export function scriptName(url: string): string {
  const path = url.startsWith('data:') ? 'data:' : url.split(/[?#]/)[0]!;
  return visibleText(path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1), MAX_CHARS);
}

/** Its number, and what tells it apart: the name it was given, or else its script. */
export function threadLabel({ threadId, name, url }: { threadId: number | null; name: string; url: string }): string {
  const more = visibleText(name, MAX_CHARS) || scriptName(url) || 'eval';
  return `worker${threadId === null ? '' : ` ${threadId}`} (${more})`;
}
