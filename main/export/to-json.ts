/** JSON documents as docs/formats.md describes them: one list item a line, so that they can be read, searched and diffed. */
import type { ComparisonReport } from './report-model.ts';

/**
 * The text of an object piece by piece; members named in `lists` are written with a line per item, so that a document of
 * a million lines never is one string.
 */
export function* jsonDocument(document: object, lists: readonly string[]): Generator<string> {
  const entries = Object.entries(document) as [string, unknown][];
  yield '{\n';
  for (const [index, [key, value]] of entries.entries()) {
    const end = index === entries.length - 1 ? '\n' : ',\n';
    if (lists.includes(key) && Array.isArray(value) && value.length > 0) {
      yield `  ${JSON.stringify(key)}: [\n`;
      for (const [at, item] of value.entries()) yield `    ${JSON.stringify(item)}${at === value.length - 1 ? '' : ','}\n`;
      yield `  ]${end}`;
    } else {
      yield `  ${JSON.stringify(key)}: ${JSON.stringify(value)}${end}`;
    }
  }
  yield '}\n';
}

export function comparisonToJson(report: ComparisonReport): Generator<string> {
  return jsonDocument(report, ['classes', 'holders', 'growth', 'cuts']);
}
