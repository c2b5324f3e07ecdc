import { describe, expect, it } from 'vitest';
import { csvCell, csvLine } from '#shared/format/csv.ts';
import { escapeHtml } from '#shared/format/html.ts';
import { cutText, visibleText } from '#shared/format/visible-text.ts';

describe('visibleText', () => {
  it.each([
    ['plain Ünïcode 漢字', 'plain Ünïcode 漢字'],
    ['a\nb\tc\u0000', 'a␊b␉c␀'],
    ['\u001b[31mred', '␛[31mred'],
    ['\u007f\u0085', '␡\\x85'],
    ['abc\u202egnp.exe', 'abc\\u{202e}gnp.exe'],
    ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['line\u2028par\u2029', 'line\\u{2028}par\\u{2029}'],
    ['lone\ud800x', 'lone\ufffdx'],
    ['emoji 🏚 stays', 'emoji 🏚 stays'],
  ])('%j', (text, expected) => expect(visibleText(text)).toBe(expected));

  it('cuts long text, keeps pairs whole, limits piled marks', () => {
    expect(visibleText('x'.repeat(5_000))).toHaveLength(200);
    expect(visibleText('abcdef', 4)).toBe('abc…');
    expect(cutText('ab🏚cd', 4)).toBe('ab…');
    expect(visibleText(`e${'\u0301'.repeat(50)}`)).toBe(`e${'\u0301'.repeat(6)}`);
  });

  it('leaves nothing invisible of all of Unicode', () => {
    const bad = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
    for (let code = 0; code <= 0x10ffff; code++) {
      const text = visibleText(String.fromCodePoint(code));
      if (bad.test(text)) throw new Error(`U+${code.toString(16)} gets through`);
    }
  });
});

describe('csvCell', () => {
  it.each([
    ['Session', 'Session'],
    [-5, '-5'],
    [null, ''],
    [Number.NaN, ''],
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['\t=x', `"'␉=x"`],
    ['\r=x', `"'␍=x"`],
    ['  =x', `"'  =x"`],
    ['＝x', `"'＝x"`],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', 'two␊lines'],
  ])('%j → %s', (value, cell) => expect(csvCell(value)).toBe(cell));
  it('ends lines with CRLF', () => expect(csvLine(['a', 1, null])).toBe('a,1,\r\n'));
});

describe('escapeHtml', () => {
  it('disarms markup and quotes', () => {
    expect(escapeHtml(`<script>"'&\``)).toBe('&lt;script&gt;&quot;&#39;&amp;&#96;');
  });
});
