import { describe, expect, test } from 'vitest';
import { createOutputBuffer, MOST_LINES } from '#renderer/views/output/output-lines.ts';

function linesOf(...texts: string[]): string[] {
  const buffer = createOutputBuffer();
  for (const text of texts) buffer.append({ at: 1, stream: 'stdout', text });
  return buffer.lines.map((line) => line.text);
}

describe('output lines', () => {
  test('chunks may end anywhere', () => expect(linesOf('he', 'llo\nwor', 'ld\n', '\n', 'x')).toEqual(['hello', 'world', '', 'x']));

  test('streams do not mix in one line', () => {
    const buffer = createOutputBuffer();
    buffer.append({ at: 1, stream: 'stdout', text: 'out' });
    buffer.append({ at: 2, stream: 'stderr', text: 'err\n' });
    buffer.append({ at: 3, stream: 'stdout', text: 'put\n' });
    expect(buffer.lines.map(({ stream, text }) => [stream, text])).toEqual([
      ['stdout', 'output'],
      ['stderr', 'err'],
    ]);
  });

  test('terminal sequences are gone, other controls are seen', () => {
    expect(linesOf('\u001b[31mred\u001b[0m \u001b]0;title\u0007done\n')).toEqual(['red done']);
    expect(linesOf('10%\r50%\r100%\n', 'dos\r\n')).toEqual(['100%', 'dos']);
    expect(linesOf('a\u0000b\u202ec\n')[0]).toBe('a␀b\\u{202e}c');
  });

  test('only the last lines are kept', () => {
    const buffer = createOutputBuffer();
    buffer.append({ at: 1, stream: 'stdout', text: 'x\n'.repeat(MOST_LINES + 10) });
    expect(buffer.lines).toHaveLength(MOST_LINES);
    expect(buffer.dropped).toBe(10);
  });
});
