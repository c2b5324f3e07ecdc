/** JSON documents as docs/formats.md describes them: one list item a line, so that they can be read, searched and diffed. */
import type { ComparisonReport } from './report-model.ts';

/**
 * JSON in which characters that steer direction or hide are written as escapes: the same value for a program, and for a
 * person who looks at the file nothing that reorders the line.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{Cf}\u007f-\u009f\u2028\u2029]/gu, (character) =>
    // By UTF-16 unit: characters beyond the basic plane become their pair.
    [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

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
      yield `  ${jsonText(key)}: [\n`;
      for (const [at, item] of value.entries()) yield `    ${jsonText(item)}${at === value.length - 1 ? '' : ','}\n`;
      yield `  ]${end}`;
    } else {
      yield `  ${jsonText(key)}: ${jsonText(value)}${end}`;
    }
  }
  yield '}\n';
}

export function comparisonToJson(report: ComparisonReport): Generator<string> {
  return jsonDocument(report, ['classes', 'holders', 'allocations', 'growth', 'cuts']);
}
