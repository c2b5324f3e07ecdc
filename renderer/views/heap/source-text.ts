/** Where code is written, in words. */
import { visibleText } from '#shared/format/visible-text.ts';
import type { SourceLocation } from '#shared/model/heap.ts';

/** `/srv/app/cache.js:12:3`; lines and columns from 1. */
export function sourceText({ scriptId, script, line, column }: SourceLocation): string {
  return `${script === null ? `script ${scriptId}` : visibleText(script, 300)}:${line + 1}:${column + 1}`;
}
