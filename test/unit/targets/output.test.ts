import { describe, expect, it } from 'vitest';
import { createChatterFilter, createDecoder, createOutputBuffer } from '#main/targets/launch/output.ts';

describe('chatter filter', () => {
  function run(...pieces: string[]) {
    const out: string[] = [];
    const urls: string[] = [];
    const filter = createChatterFilter((text) => out.push(text), (url) => urls.push(url));
    for (const piece of pieces) filter.write(piece);
    filter.end();
    return { out, text: out.join(''), urls };
  }
  const chatter = 'Debugger listening on ws://127.0.0.1:1234/u-u\nFor help, see: https://nodejs.org/en/docs/inspector\n';

  it("takes the inspector's lines out and tells the address", () => {
    expect(run(`a\n${chatter}Debugger attached.\nb\nWaiting for the debugger to disconnect...\n`)).toMatchObject({ text: 'a\nb\n', urls: ['ws://127.0.0.1:1234/u-u'] });
  });

  it('finds them when they come in pieces of one character', () => {
    expect(run(...`x\n${chatter}y`)).toMatchObject({ text: 'x\ny', urls: ['ws://127.0.0.1:1234/u-u'] });
  });

  it("leaves the program's own lines that look alike", () => {
    const own = 'Debugger is a word\nsay Debugger attached.\nDebugger attached. Really\nFor help, see: our page\n';
    expect(run(own).text).toBe(own);
    expect(run(...own).text).toBe(own);
  });

  it('passes a prompt without a newline at once', () => {
    const out: string[] = [];
    const filter = createChatterFilter((text) => out.push(text), () => undefined);
    filter.write('Name: ');
    expect(out).toEqual(['Name: ']);
    filter.write('Debugger attached.\n');
    expect(out.join('')).toBe('Name: Debugger attached.\n');
  });

  it('holds back at most one short line', () => {
    const long = `Debugger ${'x'.repeat(100_000)}`;
    expect(run(long).text).toBe(long);
  });

  it('knows lines that end in CR LF', () => expect(run('Debugger attached.\r\nz\r\n').text).toBe('z\r\n'));
});

it('decodes characters cut between chunks, and marks invalid bytes', () => {
  const out: string[] = [];
  const decoder = createDecoder((text) => out.push(text));
  const bytes = Buffer.from('aé漢😀');
  for (const byte of bytes) decoder.write(Buffer.from([byte]));
  decoder.write(Buffer.from([0xff, 0x41, 0xf0, 0x9f]));
  decoder.end();
  expect(out.join('')).toBe('aé漢😀\ufffdA\ufffd');
});

describe('output buffer', () => {
  it('replays to the first listener, in order, and then passes on', () => {
    const buffer = createOutputBuffer();
    buffer.push('stdout', 'one');
    buffer.push('stderr', 'two');
    const seen: string[] = [];
    const stop = buffer.onOutput((chunk) => seen.push(`${chunk.stream}:${chunk.text}`));
    buffer.push('stdout', 'three');
    stop();
    buffer.push('stdout', 'four');
    expect(seen).toEqual(['stdout:one', 'stderr:two', 'stdout:three']);
    expect(buffer.tail()).toBe('onetwothreefour');
  });

  it('keeps the end of a flood and says what is missing', () => {
    const buffer = createOutputBuffer();
    for (let i = 0; i < 1_000; i++) buffer.push('stdout', 'x'.repeat(65_536));
    buffer.push('stdout', 'end');
    const seen: string[] = [];
    buffer.onOutput((chunk) => seen.push(chunk.text));
    expect(seen[0]).toMatch(/^… \d+ characters of earlier output left out …\n$/);
    expect(seen.at(-1)).toBe('end');
    expect(seen.join('').length).toBeLessThan(300_000);
    expect(buffer.tail().length).toBeLessThanOrEqual(8_000);
  });
});
