import { heapFormatError } from './errors.ts';
import { show } from './integers.ts';
import type { ByteSource } from './source.ts';

/** Moves through the top level of the JSON text without holding it: names, small values, values to pass over. */

/** Largest `snapshot` object that is accepted; real ones have some kilobytes. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
/** Longest name of a section. */
const MAX_KEY_BYTES = 4096;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function truncated(source: ByteSource, where: string): Error {
  return heapFormatError('truncated', `The text ends in ${where}`, source.base + source.end);
}

/** Skips white space; the next byte, or −1 at the end of the text. Does not take it. */
export async function peek(source: ByteSource): Promise<number> {
  for (;;) {
    while (source.pos < source.end) {
      const byte = source.bytes[source.pos]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      source.pos++;
    }
    if (!(await source.refill())) return -1;
  }
}

/** Takes one structural byte such as `:`. */
export async function expectByte(source: ByteSource, char: string, where: string): Promise<void> {
  const byte = await peek(source);
  if (byte === -1) throw truncated(source, where);
  if (byte !== char.charCodeAt(0)) {
    throw heapFormatError('not-json', `Expected "${char}" in ${where}, found ${show(byte)}`, source.base + source.pos);
  }
  source.pos++;
}

/** Takes a short quoted name. */
export async function readKey(source: ByteSource): Promise<string> {
  await expectByte(source, '"', 'the list of sections');
  const start = source.base + source.pos;
  const raw = await collect(source, MAX_KEY_BYTES, (byte, state) => {
    if (state.escape) state.escape = false;
    else if (byte === BACKSLASH) state.escape = true;
    else if (byte === QUOTE) return true;
    return false;
  });
  if (raw === null) throw heapFormatError('not-json', 'The name of a section is too long', start);
  try {
    return String(JSON.parse(`"${new TextDecoder().decode(raw)}`));
  } catch {
    throw heapFormatError('not-json', 'The name of a section is not a JSON string', start);
  }
}

/** Takes a whole JSON object that is expected to be small, and parses it. */
export async function readObject(source: ByteSource, where: string): Promise<unknown> {
  const byte = await peek(source);
  const start = source.base + source.pos;
  if (byte === -1) throw truncated(source, where);
  if (byte !== 0x7b) throw heapFormatError('not-a-snapshot', `${where} is not an object`, start);
  const raw = await collect(source, MAX_HEADER_BYTES, closesValue);
  if (raw === null) throw heapFormatError('unsupported', `${where} is longer than 16 MiB`, start);
  try {
    return JSON.parse(new TextDecoder().decode(raw)) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw heapFormatError('not-json', `${where} is not valid JSON (${reason})`, start, cause);
  }
}

/**
 * Passes over any value, however large or deep: only the depth is kept. `beforeRefill` is called between windows, for
 * cancel and progress.
 */
export async function skipValue(
  source: ByteSource,
  where: string,
  beforeRefill: () => Promise<void> | undefined,
): Promise<void> {
  const first = await peek(source);
  if (first === -1) throw truncated(source, where);
  const state = scanState();
  const opens = first === 0x7b || first === 0x5b || first === QUOTE;
  for (;;) {
    const { bytes, end } = source;
    let pos = source.pos;
    let done = false;
    if (opens) while (pos < end && !done) done = closesValue(bytes[pos++]!, state);
    // A number or literal ends before "," or "}".
    else while (pos < end && !(done = bytes[pos] === 0x2c || bytes[pos] === 0x7d)) pos++;
    source.pos = pos;
    if (done) return;
    await beforeRefill();
    if (!(await source.refill())) throw truncated(source, where);
  }
}

interface ScanState {
  depth: number;
  inString: boolean;
  escape: boolean;
}

function scanState(): ScanState {
  return { depth: 0, inString: false, escape: false };
}

/** Feeds one byte; true when the object, list or string that was begun is complete. */
function closesValue(byte: number, state: ScanState): boolean {
  if (state.inString) {
    if (state.escape) state.escape = false;
    else if (byte === BACKSLASH) state.escape = true;
    else if (byte === QUOTE) {
      state.inString = false;
      return state.depth === 0;
    }
    return false;
  }
  if (byte === QUOTE) state.inString = true;
  else if (byte === 0x7b || byte === 0x5b) state.depth++;
  else if (byte === 0x7d || byte === 0x5d) return --state.depth <= 0;
  return false;
}

/** Copies bytes up to and including the one for which `ends` is true; null when there are more than `limit`. */
async function collect(
  source: ByteSource,
  limit: number,
  ends: (byte: number, state: ScanState) => boolean,
): Promise<Uint8Array | null> {
  const state = scanState();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const from = source.pos;
    let complete = false;
    while (source.pos < source.end && !complete) complete = ends(source.bytes[source.pos++]!, state);
    length += source.pos - from;
    if (length > limit) return null;
    parts.push(source.bytes.slice(from, source.pos));
    if (complete) break;
    if (!(await source.refill())) throw truncated(source, 'the header');
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
