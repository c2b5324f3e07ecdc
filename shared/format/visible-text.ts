/**
 * Text of a stranger (names, strings, command lines) made safe to look at: nothing in it can move the cursor, turn the
 * writing direction, hide, or pass for something else. Markup is not this file's matter; see html.ts.
 */
export const DEFAULT_VISIBLE_CHARS = 200;

/**
 * C0 and C1 controls, lone surrogates, and what is invisible or steers direction: soft hyphen, joiners and zero-width
 * characters, bidi marks, embeddings and isolates, line and paragraph separators, fillers, tags, annotation marks.
 */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]|[\u{e0000}-\u{e0fff}]/gu;

/** More combining marks in a row than any script needs; the rest is dropped so that it cannot pile over other lines. */
const STACKED_MARKS = /(\p{M}{6})\p{M}+/gu;

function neutral(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Controls become their pictures (`␊`), direction and zero-width characters their code (`\u{202e}`), lone surrogates `�`.
 * Text longer than `maxChars` UTF-16 units is cut before that and ends in `…`.
 */
export function visibleText(text: string, maxChars: number = DEFAULT_VISIBLE_CHARS): string {
  return cutText(text, maxChars).replace(UNSAFE, neutral).replace(STACKED_MARKS, '$1');
}

/** The first `maxChars` UTF-16 units with `…` in place of the last one when something is left out; keeps pairs whole. */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  let end = Math.max(0, maxChars - 1);
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return `${text.slice(0, end)}\u2026`;
}
