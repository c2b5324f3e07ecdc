/**
 * Reads the memory of another process: from outside through /proc/PID/mem, which costs it nothing, or through our agent
 * in it where the system does not let us. An address that is gone is an answer, never an exception.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { MapSource } from '#shared/model/memory.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { asRecord, stringField } from '../../cdp/read-field.ts';
import { openPagemap, type AddressRange } from './pagemap.ts';
import { startPeekProgram, type PeekProgram } from './peek-program.ts';

/** `count` pieces of the same size, `stride` apart, from `address` on. */
export interface PieceRun {
  address: number;
  count: number;
}

export interface MemoryReader {
  readonly source: MapSource;
  /** The pieces of all runs one after the other; zeros for runs that could not be read (their numbers are in `lost`). */
  pieces(runs: readonly PieceRun[], pieceBytes: number, strideBytes: number): Promise<{ data: Buffer; lost: number[] }>;
  /** Addresses in one range, multiples of 8, at which one of the words stands; at most 64. */
  find(words: readonly number[], range: AddressRange): Promise<number[]>;
  close(): void;
}

const SEARCH_CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_FOUND = 64;
/** From so many pieces on that lie apart our program reads them. */
const MANY_PIECES = 1_024;
/** After so long the event loop has a turn: samples are due every 20 to 100 ms. */
const SLICE_MS = 8;

/** Null when the system does not let us (another user, ptrace scope) or has no such thing. */
export function openOutsideReader(pid: number): MemoryReader | null {
  let descriptor: number;
  try {
    // The right to look is checked here, once.
    descriptor = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return null;
  }
  const pagemap = openPagemap(pid);
  const yieldIfLong = createYield();
  let program: Promise<PeekProgram | null> | null = null;
  let isClosed = false;

  /** Null where there is no such program, or it is not allowed what we are. */
  async function readMany(runs: readonly PieceRun[], pieceBytes: number, strideBytes: number): Promise<{ data: Buffer; lost: number[] } | null> {
    program ??= startPeekProgram(pid);
    try {
      const answer = await (await program)?.read(runs, pieceBytes, strideBytes);
      return answer && answer.lost.length < runs.length ? answer : null;
    } catch {
      program = Promise.resolve(null);
      return null;
    }
  }

  function read(into: Buffer, offset: number, bytes: number, address: number): boolean {
    try {
      return readSync(descriptor, into, offset, bytes, address) === bytes;
    } catch {
      return false;
    }
  }

  return {
    source: 'outside',
    async pieces(runs, pieceBytes, strideBytes) {
      const pieces = runs.reduce((sum, run) => sum + run.count, 0);
      const many = pieceBytes !== strideBytes && pieces >= MANY_PIECES && !isClosed ? await readMany(runs, pieceBytes, strideBytes) : null;
      if (many) return many;
      const data = Buffer.alloc(pieces * pieceBytes);
      const lost: number[] = [];
      let offset = 0;
      for (const [number, { address, count }] of runs.entries()) {
        const end = offset + count * pieceBytes;
        if (pieceBytes === strideBytes) {
          if (!read(data, offset, count * pieceBytes, address)) lost.push(number);
        } else {
          let ok = true;
          for (let i = 0; i < count && ok; i++) ok = read(data, offset + i * pieceBytes, pieceBytes, address + i * strideBytes);
          if (!ok) {
            data.fill(0, offset, end);
            lost.push(number);
          }
        }
        offset = end;
        await yieldIfLong();
      }
      return { data, lost };
    },
    async find(words, range) {
      const chunk = Buffer.alloc(SEARCH_CHUNK_BYTES);
      const found: number[] = [];
      // Reading a page that was never used would make the kernel map one.
      for (const { start, end } of pagemap?.presentRuns(range) ?? [range]) {
        for (let at = start; at < end && found.length < MAX_FOUND; at += chunk.length) {
          const bytes = Math.min(chunk.length, end - at);
          if (!read(chunk, 0, bytes, at)) continue;
          collect(found, new Uint32Array(chunk.buffer, chunk.byteOffset, bytes >>> 2), words, at);
          await yieldIfLong();
        }
      }
      return found;
    },
    close() {
      isClosed = true;
      closeSync(descriptor);
      pagemap?.close();
      void program?.then((started) => started?.close());
    },
  };
}

function wordBytes(word: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(word));
  return bytes;
}

function collect(found: number[], halves: Uint32Array, words: readonly number[], at: number): void {
  const low = words.map((word) => word % 2 ** 32);
  const high = words.map((word) => Math.floor(word / 2 ** 32));
  const [commonHigh = 0] = high;
  const isCommon = high.every((half) => half === commonHigh);
  for (let i = 1; i < halves.length; i += 2) {
    if (isCommon && halves[i] !== commonHigh) continue;
    for (let w = 0; w < low.length; w++) {
      if (halves[i] === high[w] && halves[i - 1] === low[w] && found.length < MAX_FOUND) found.push(at + (i - 1) * 4);
    }
  }
}

function createYield(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
}

/** Runs and bytes of one question to the agent (its own limits: 4,096 runs, 1 MiB, 4 MiB taken at one go). */
const MAX_RUNS = 1_024;
const MAX_ANSWER_BYTES = 512 * 1024;

/** Through `Python.readMemory` of the agent. */
export function agentReader(session: CdpSession): MemoryReader {
  async function ask(runs: readonly PieceRun[], pieceBytes: number, strideBytes: number): Promise<{ data: Buffer; lost: number[] }> {
    const answer = await session.send('Python.readMemory', {
      reads: runs.map(({ address, count }) => [address.toString(16), count] as const),
      bytes: pieceBytes,
      stride: strideBytes,
    });
    const expected = runs.reduce((sum, run) => sum + run.count, 0) * pieceBytes;
    const data = Buffer.from(stringField(answer, 'data', expected * 2 + 16) ?? '', 'base64');
    const lost = asRecord(answer)['lost'];
    if (data.byteLength !== expected) return { data: Buffer.alloc(expected), lost: runs.map((_, i) => i) };
    return { data, lost: Array.isArray(lost) ? lost.filter((n): n is number => typeof n === 'number') : [] };
  }

  return {
    source: 'agent',
    async pieces(runs, pieceBytes, strideBytes) {
      const parts: Buffer[] = [];
      const lost: number[] = [];
      for (let from = 0; from < runs.length; ) {
        let to = from;
        let bytes = 0;
        while (to < runs.length && to - from < MAX_RUNS && (to === from || bytes + runs[to].count * pieceBytes <= MAX_ANSWER_BYTES)) bytes += runs[to++].count * pieceBytes;
        const part = await ask(runs.slice(from, to), pieceBytes, strideBytes);
        parts.push(part.data);
        for (const number of part.lost) lost.push(from + number);
        from = to;
      }
      return { data: Buffer.concat(parts), lost };
    },
    async find(words, { start, end }) {
      const answer = await session.send('Python.findMemory', {
        needles: words.map((word) => wordBytes(word).toString('hex')),
        ranges: [[start.toString(16), end.toString(16)]],
      });
      const addresses = asRecord(answer)['addresses'];
      if (!Array.isArray(addresses)) return [];
      return addresses.map((text) => parseInt(String(text), 16)).filter((address) => Number.isSafeInteger(address));
    },
    close() {
      // The connection is the session's.
    },
  };
}
