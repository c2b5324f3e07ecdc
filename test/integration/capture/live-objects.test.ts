/** Objects of a snapshot looked at in the living target, and pinned there; on Node.js and on CPython. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodesOfClass, classIndexOf } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import { nodeTargets, startInspected, startSessionHost, until, type SessionClient } from './session-client.ts';

const AGENT = fileURLToPath(new URL('../../../main/agents/python', import.meta.url));

const NODE_PROGRAM = `
class Kept { constructor(i) { this.i = i; this.text = 'text ' + i; Object.defineProperty(this, 'trap', { get() { globalThis.touched = true; return 1; }, enumerable: true, configurable: true }); } }
globalThis.kept = Array.from({ length: 3 }, (_, i) => new Kept(i));
setInterval(() => { console.log(JSON.stringify({ touched: globalThis.touched === true, pins: Object.getOwnPropertyNames(globalThis).filter((n) => n.startsWith('$hh')), pinned: globalThis.$hh1 ? globalThis.$hh1.i : null })); if (process.env.DROP) {} }, 50);
process.on('SIGUSR2', () => { globalThis.kept = null; });
`;
const PYTHON_PROGRAM = `
import json, time, signal
touched = []
class Kept:
    def __init__(self, i): self.i = i; self.text = 'text %d' % i
    @property
    def trap(self): touched.append(1); return 1
    def __getattribute__(self, name): touched.append(name); return object.__getattribute__(self, name)
    def __repr__(self): touched.append('repr'); return 'no'
kept = [Kept(i) for i in range(3)]
touched.clear()
def drop(*_):
    kept.clear()
signal.signal(signal.SIGUSR2, drop)
while True:
    pins = [n for n in list(globals()) if n.startswith('_hh')]
    print(json.dumps({'touched': bool(touched), 'pins': pins, 'pinned': object.__getattribute__(globals()['_hh1'], 'i') if '_hh1' in globals() else None}), flush=True)
    time.sleep(0.05)
`;

let dir: string;
let host: SessionClient;
const ends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-live-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const end of ends.splice(0)) await end();
  rmSync(dir, { recursive: true, force: true });
});

interface Program {
  target: CaptureTarget;
  stdout(): string;
  signal(): void;
}

interface Said {
  touched: boolean;
  pins: string[];
  pinned: number | null;
}

const lastSaid = (program: Program): Said | null => {
  const lines = program.stdout().split('\n').slice(0, -1);
  return lines.length === 0 ? null : (JSON.parse(lines.at(-1)!) as Said);
};

async function startNode(command: string): Promise<Program> {
  const running = await startInspected(command, ['--inspect=127.0.0.1:0', '-e', NODE_PROGRAM]);
  ends.push(() => running.kill());
  return {
    target: { kind: 'node', pid: running.pid, webSocketUrl: running.url, waitsForDebugger: false, closeInspectorOnDetach: false },
    stdout: running.stdout,
    signal: () => void running.child.kill('SIGUSR2'),
  };
}

async function startPython(): Promise<Program> {
  const meeting = mkdtempSync(join(dir, 'meeting-'));
  const child = spawn('python3', ['-c', PYTHON_PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PYTHONPATH: join(AGENT, 'bootstrap'), HEAPHOUSE_AGENT: meeting } });
  let stdout = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  const exited = new Promise((resolve) => child.on('exit', resolve));
  ends.push(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const { webSocketUrl } = await until('the agent', () => {
    try {
      return JSON.parse(readFileSync(join(meeting, `${child.pid}.json`), 'utf8')) as { webSocketUrl: string };
    } catch {
      return null;
    }
  });
  return {
    target: { kind: 'python', pid: child.pid!, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false },
    stdout: () => stdout,
    signal: () => void child.kill('SIGUSR2'),
  };
}

const node = nodeTargets()[0];
const PROGRAMS = [
  { name: `Node.js${node ? '' : ' (skipped: there is none)'}`, missing: !node, start: () => startNode(node!.path), className: 'Kept', pin: '$hh1' },
  { name: 'Python', missing: false, start: startPython, className: '__main__.Kept', pin: '_hh1' },
];

describe.each(PROGRAMS)('live objects of $name', ({ missing, start, className, pin }) => {
  it.skipIf(missing)('are found, looked at without running code, pinned, and released on detach', async () => {
    const program = await start();
    await host.capture.start({ dir, target: program.target });
    const { path, idEpoch } = await host.capture.takeSnapshot({ path: join(dir, 'one.heapsnapshot'), label: 'one' });
    const heap = await openHeap(path);
    const index = classIndexOf(heap, className);
    expect(index).toBeGreaterThanOrEqual(0);
    const ids = Array.from(nodesOfClass(heap, index), (ordinal) => heap.nodeId[ordinal]!);
    const instances: { heapId: number; i: string }[] = [];
    for (const heapId of ids) {
      const found = await host.live.inspect({ heapId, className, idEpoch }).catch(() => null);
      const i = found?.properties.find(({ name }) => name === 'i');
      if (i) instances.push({ heapId, i: i.text });
    }
    expect(instances.map(({ i }) => i).sort()).toEqual(['0', '1', '2']);

    const second = instances.find(({ i }) => i === '1')!;
    const asked = { heapId: second.heapId, className, idEpoch };
    const seen = await host.live.inspect(asked);
    expect(seen.className).toContain('Kept');
    expect(seen.properties).toEqual(expect.arrayContaining([{ name: 'text', kind: 'string', text: '"text 1"' }]));
    if (className === 'Kept') expect(seen.properties).toContainEqual({ name: 'trap', kind: 'getter', text: 'getter, not run' });

    expect(await host.live.pin(asked)).toEqual({ name: pin, heapId: second.heapId, idEpoch, className });
    expect((await host.live.pin(asked)).name).toBe(pin);
    expect(await host.live.pins({})).toHaveLength(1);
    await until('the variable', () => (lastSaid(program)?.pinned === 1 ? true : null));
    expect(lastSaid(program)).toMatchObject({ touched: false, pins: [pin] });
    await host.live.unpin({ name: pin });
    await until('no variable', () => (lastSaid(program)?.pins.length === 0 ? true : null));

    const again = await host.live.pin(asked);
    await until('the variable', () => (lastSaid(program)?.pins.includes(again.name) ? true : null));
    await host.capture.detach({});
    await until('no variable', () => (lastSaid(program)?.pins.length === 0 ? true : null));
    expect(lastSaid(program)?.touched).toBe(false);
    await expect(host.live.inspect(asked)).rejects.toMatchObject({ code: 'target-gone' });
  });

  it.skipIf(missing)('that are gone are said to be gone, and why', async () => {
    const program = await start();
    await host.capture.start({ dir, target: program.target });
    const { path, idEpoch } = await host.capture.takeSnapshot({ path: join(dir, 'one.heapsnapshot'), label: 'one' });
    const heap = await openHeap(path);
    const ids = Array.from(nodesOfClass(heap, classIndexOf(heap, className)), (ordinal) => heap.nodeId[ordinal]!);
    if (className === 'Kept') {
      await expect(host.live.inspect({ heapId: ids[0]!, className, idEpoch: 'another' })).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('numbered its objects anew') });
    } else {
      await expect(host.live.inspect({ heapId: ids[0]!, className: 'other.Thing', idEpoch })).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('another one now') });
    }
    program.signal();
    await until('the objects to go', async () => {
      await host.capture.collectGarbage({});
      const found = await Promise.all(ids.map((heapId) => host.live.inspect({ heapId, className, idEpoch }).then(({ properties }) => properties.some(({ name }) => name === 'i'), () => false)));
      return found.includes(true) ? null : true;
    });
  });
});
