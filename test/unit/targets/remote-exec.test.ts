/** The interface for debuggers of CPython 3.14 and 3.15, against a memory made by hand: what is read, refused and written. */
import { describe, expect, it } from 'vitest';
import { ask, findMainThread, remoteExecRoute } from '#main/targets/attach/remote-exec.ts';
import type { Memory } from '#main/targets/attach/remote-exec.ts';
import { parseDebugOffsets } from '#main/targets/proc/debug-offsets.ts';

const RUNTIME = 0x10_0000n;
const OTHER = 0x20_0000n;
const MAIN = 0x30_0000n;
const THREAD = 0x40_0000n;
/** First word of the group `debugger_support`. */
const SUPPORT: Record<string, number> = { '3.14': 89, '3.15': 105 };

interface Options {
  hex?: number;
  cookie?: string;
  enabled?: number;
  finalizing?: bigint;
  freeThreaded?: bigint;
  owner?: bigint;
  pathBytes?: bigint;
  mainInterpreter?: bigint;
}

class Fake implements Memory {
  readonly bytes = new Map<bigint, number>();
  readonly writes: [bigint, number[]][] = [];
  onWrite: ((at: bigint) => void) | undefined;
  put(at: bigint, data: Uint8Array): void {
    data.forEach((byte, i) => this.bytes.set(at + BigInt(i), byte));
  }
  word(at: bigint, value: bigint): void {
    const data = Buffer.alloc(8);
    data.writeBigUInt64LE(value);
    this.put(at, data);
  }
  read(at: bigint, bytes: number): Promise<Buffer> {
    return Promise.resolve(Buffer.from(Array.from({ length: bytes }, (_, i) => this.bytes.get(at + BigInt(i)) ?? 0)));
  }
  write(at: bigint, bytes: Uint8Array): Promise<void> {
    this.writes.push([at, [...bytes]]);
    this.put(at, bytes);
    this.onWrite?.(at);
    return Promise.resolve();
  }
}

/** A process with two interpreters, the main one last. */
function process(minor: '3.14' | '3.15', options: Options = {}): Fake {
  const memory = new Fake();
  const at = SUPPORT[minor] ?? 0;
  const words: [number, bigint][] = [
    [1, BigInt(options.hex ?? (minor === '3.14' ? 0x030e08f0 : 0x030f00f0))],
    [2, options.freeThreaded ?? 0n],
    [4, 4_000n], // finalizing
    [5, 4_008n], // interpreters
    [7, 16n], // id of one
    [8, 24n], // the next one
    [10, 32n], // its main thread
    [25, 40n], // the interpreter of a thread
    [at, 48n],
    [at + 1, 200n],
    [at + 2, 64n],
    [at + 3, 0n],
    [at + 4, 4n],
    [at + 5, options.pathBytes ?? 512n],
  ];
  for (const [index, value] of words) memory.word(RUNTIME + BigInt(index * 8), value);
  memory.put(RUNTIME, Buffer.from(options.cookie ?? 'xdebugpy'));
  memory.word(RUNTIME + 4_000n, options.finalizing ?? 0n);
  memory.word(RUNTIME + 4_008n, OTHER);
  memory.word(OTHER + 16n, 1n);
  memory.word(OTHER + 24n, options.mainInterpreter ?? MAIN);
  memory.word(MAIN + 16n, 0n);
  memory.word(MAIN + 32n, THREAD);
  memory.put(MAIN + 64n, Buffer.from([options.enabled ?? 1, 0, 0, 0]));
  memory.word(THREAD + 40n, options.owner ?? MAIN);
  return memory;
}

const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

describe.each(['3.14', '3.15'] as const)('the table for debuggers of %s', (minor) => {
  it('leads to the main thread of the main interpreter', async () => {
    expect(await findMainThread(process(minor), RUNTIME)).toMatchObject({ evalBreaker: THREAD + 48n, pendingCall: THREAD + 200n, scriptPath: THREAD + 204n, offsets: { support: { scriptPathBytes: 512 } } });
  });

  it.each<[string, Options, RegExp]>([
    ['another cookie', { cookie: 'xdebugpx' }, /not where it should be/],
    ['a version not known', { hex: 0x031000f0 }, /3\.16\.0 is not known/],
    ['a beta', { hex: minor === '3.14' ? 0x030e00b1 : 0x030f00b1 }, /before its release/],
    ['no global lock', { freeThreaded: 1n }, /global lock/],
    ['switched off', { enabled: 0 }, /switched off/],
    ['an interpreter that ends', { finalizing: 5n }, /is ending/],
    ['a main thread of somebody else', { owner: OTHER }, /main thread cannot be found/],
    ['impossible sizes', { pathBytes: 1n << 40n }, /impossible figures/],
    ['no room for a path', { pathBytes: 8n }, /impossible figures/],
    ['no main interpreter', { mainInterpreter: 0n }, /not ready/],
    ['interpreters in a ring', { mainInterpreter: OTHER }, /has no end/],
  ])('refuses %s and writes nothing', async (_what, options, reason) => {
    const memory = process(minor, options);
    await expect(findMainThread(memory, RUNTIME)).rejects.toThrow(reason);
    expect(memory.writes).toEqual([]);
  });

  it('is asked: path, then mark; nothing more when the thread comes by itself', async () => {
    const memory = process(minor);
    const thread = await findMainThread(memory, RUNTIME);
    memory.onWrite = (at) => {
      if (at === thread.pendingCall) setTimeout(() => memory.put(thread.pendingCall, Buffer.alloc(4)), 3);
    };
    expect(await ask(memory, thread, '/tmp/x y/enter.py', no)).toBe(true);
    expect(memory.writes).toEqual([[thread.scriptPath, [...Buffer.from('/tmp/x y/enter.py\0')]], [thread.pendingCall, [1, 0, 0, 0]]]);
  });

  it('is nudged when it does not, and not where another request is noted already', async () => {
    const memory = process(minor);
    const thread = await findMainThread(memory, RUNTIME);
    memory.onWrite = (at) => {
      if (at === thread.evalBreaker) memory.put(thread.pendingCall, Buffer.alloc(4));
    };
    expect(await ask(memory, thread, '/tmp/enter.py', yes)).toBe(true);
    expect(memory.writes.at(-1)).toEqual([thread.evalBreaker, [0x20]]);
    const busy = process(minor);
    busy.put(thread.evalBreaker, Buffer.from([1]));
    expect(await ask(busy, thread, '/tmp/enter.py', no)).toBe(false);
    expect(busy.writes.map(([at]) => at)).not.toContain(thread.evalBreaker);
  });

  it('has its request withdrawn when nobody comes by', async () => {
    const memory = process(minor);
    const thread = await findMainThread(memory, RUNTIME);
    expect(await ask(memory, thread, '/tmp/enter.py', no)).toBe(false);
    expect(memory.writes.at(-1)).toEqual([thread.pendingCall, [0, 0, 0, 0]]);
  });

  it('is left alone when another debugger has asked, or the path is too long', async () => {
    const memory = process(minor);
    const thread = await findMainThread(memory, RUNTIME);
    await expect(ask(memory, thread, `/${'x'.repeat(600)}`, no)).rejects.toThrow(/too long/);
    memory.put(thread.pendingCall, Buffer.from([1, 0, 0, 0]));
    await expect(ask(memory, thread, '/tmp/enter.py', no)).rejects.toThrow(/another debugger/);
    expect(memory.writes).toEqual([]);
  });
});

it('a table cut short is refused', () => {
  expect(parseDebugOffsets(Buffer.from('xdebugpy'))).toMatch(/not where it should be/);
});

it('is for 3.14 and newer, unless it is switched off', () => {
  const judge = (version: string | null, remoteDebugDisabledBy: string | null = null) => remoteExecRoute.unusable({ identity: version === null ? null : { version }, remoteDebugDisabledBy } as never, {} as never);
  expect([judge('3.14.8'), judge('3.15.0')]).toEqual([null, null]);
  expect(judge('3.13.0')).toMatch(/no interface/);
  expect(judge(null)).toMatch(/no interface/);
  expect(judge('3.14.0', '-X disable-remote-debug')).toMatch(/switched off \(-X/);
});
