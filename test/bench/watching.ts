/**
 * What watching costs a program: the same piece of work in two processes of the same kind, one watched as the workbench
 * watches (10 samples a second, every collection, allocator totals, segments), one alone. The pieces take turns, so that
 * a noisy machine disturbs both alike; compared are CPU time of the whole process (our thread in it included) and
 * elapsed time, as median over the pairs of watched divided by alone; and the least disturbed piece of each.
 *
 *   node test/bench/watching.ts [python interpreter …]
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSessionHost, type SessionClient } from '../integration/capture/session-client.ts';
import { supportedInterpreters } from '../integration/python-agent/interpreters.ts';

const BOOTSTRAP = fileURLToPath(new URL('../../main/agents/python/bootstrap', import.meta.url));
const PAIRS = Number(process.env['PAIRS'] ?? 30);

/** Each line on stdin: one piece of work; answer: CPU ms, elapsed ms, collections. */
const PYTHON = (work: string) => `
import gc, sys, time
class Node:
    def __init__(self): self.other = None
kept = [{'i': [i]} for i in range(100000)]
def collections(): return sum(s['collections'] for s in gc.get_stats())
def work():
${work.replace(/^/gm, '    ')}
for line in sys.stdin:
    n, c, w = collections(), time.process_time(), time.perf_counter()
    work()
    print((time.process_time() - c) * 1000, (time.perf_counter() - w) * 1000, collections() - n, flush=True)
`;
const NODE = `
const kept = Array.from({ length: 100000 }, (_, i) => ({ i }));
let held = [];
function work() { for (let round = 0; round < 60; round++) held = Array.from({ length: 20000 }, (_, i) => ({ i, text: 'x' + i })); }
require('readline').createInterface({ input: process.stdin }).on('line', () => {
  const c = process.cpuUsage(), w = performance.now();
  work();
  const d = process.cpuUsage(c);
  console.log((d.user + d.system) / 1000, performance.now() - w, 0);
});
`;
const WORK = {
  'many collections': `for _ in range(300000):
    a, b = Node(), Node()
    a.other, b.other = b, a`,
  'allocating': `for _ in range(40):
    rows = [{'id': i, 'name': str(i), 'tags': [i, i + 1]} for i in range(5000)]`,
  'computing': `x = 0
for i in range(4000000):
    x += i * i % 7`,
};

interface Program {
  child: ChildProcessWithoutNullStreams;
  piece(): Promise<{ cpuMs: number; elapsedMs: number; collections: number }>;
}

function start(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Program & { stderr(): string } {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let waiting: ((line: string) => void) | null = null;
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += String(data)));
  let pending = '';
  child.stdout.on('data', (data) => {
    pending += String(data);
    const end = pending.indexOf('\n');
    if (end < 0) return;
    const line = pending.slice(0, end);
    pending = pending.slice(end + 1);
    waiting?.(line);
  });
  return {
    child,
    stderr: () => stderr,
    async piece() {
      const line = await new Promise<string>((resolve) => {
        waiting = resolve;
        child.stdin.write('go\n');
      });
      const [cpuMs = 0, elapsedMs = 0, collections = 0] = line.trim().split(' ').map(Number);
      return { cpuMs, elapsedMs, collections };
    },
  };
}

async function until<T>(look: () => T | null | undefined | false): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('timed out');
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(2).padStart(6)} %`;

async function compare(name: string, watched: Program, alone: Program): Promise<void> {
  await watched.piece();
  await alone.piece();
  const ratios = { cpu: [] as number[], elapsed: [] as number[] };
  const least = { watched: Infinity, alone: Infinity };
  let collections = 0;
  let elapsed = 0;
  for (let i = 0; i < PAIRS; i++) {
    // Who goes first takes turns as well.
    const first = i % 2 === 0 ? watched : alone;
    const one = await first.piece();
    const two = await (first === watched ? alone : watched).piece();
    const [w, a] = first === watched ? [one, two] : [two, one];
    least.watched = Math.min(least.watched, w.cpuMs);
    least.alone = Math.min(least.alone, a.cpuMs);
    ratios.cpu.push(w.cpuMs / a.cpuMs);
    ratios.elapsed.push(w.elapsedMs / a.elapsedMs);
    collections += w.collections;
    elapsed += w.elapsedMs;
  }
  const rate = collections > 0 ? `, ${Math.round((collections / elapsed) * 1000)} collections a second` : '';
  console.log(`${name.padEnd(36)} CPU ${percent(median(ratios.cpu))}, least ${percent(least.watched / least.alone)}   elapsed ${percent(median(ratios.elapsed))}   (${PAIRS} pairs of ${Math.round(elapsed / PAIRS)} ms${rate})`);
}

async function withHost(run: (host: SessionClient, dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
  const host = await startSessionHost();
  try {
    await run(host, dir);
  } finally {
    await host.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function benchPython(path: string, version: string, name: string, work: string): Promise<void> {
  await withHost(async (host, dir) => {
    const code = PYTHON(work);
    const alone = start(path, ['-c', code]);
    const watched = start(path, ['-c', code], { PYTHONPATH: BOOTSTRAP, HEAPHOUSE_AGENT: dir });
    try {
      const file = join(dir, `${watched.child.pid}.json`);
      await until(() => existsSync(file));
      const { webSocketUrl } = JSON.parse(readFileSync(file, 'utf8')) as { webSocketUrl: string };
      await host.capture.start({ dir, target: { kind: 'python', pid: watched.child.pid!, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 100 });
      await compare(`CPython ${version}, ${name}`, watched, alone);
      const { collections } = await host.memory.gcSummary({});
      if (name === 'many collections') console.log(`${''.padEnd(36)} ${collections} collections recorded`);
    } finally {
      for (const { child } of [alone, watched]) child.kill('SIGKILL');
    }
  });
}

async function benchNode(): Promise<void> {
  await withHost(async (host, dir) => {
    const alone = start(process.execPath, ['-e', NODE]);
    const watched = start(process.execPath, ['--inspect=127.0.0.1:0', '-e', NODE]);
    try {
      const url = await until(() => /ws:\/\/\S+/.exec(watched.stderr())?.[0]);
      await host.capture.start({ dir, target: { kind: 'node', pid: watched.child.pid!, webSocketUrl: url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 100 });
      await compare(`Node.js ${process.versions.node}, allocating`, watched, alone);
    } finally {
      for (const { child } of [alone, watched]) child.kill('SIGKILL');
    }
  });
}

const asked = process.argv.slice(2);
const { found } = supportedInterpreters();
const chosen = asked.length > 0 ? found.filter(({ version, path }) => asked.includes(path) || asked.some((text) => version.startsWith(text))) : found;
for (const { path, version } of chosen) for (const [name, work] of Object.entries(WORK)) await benchPython(path, version, name, work);
if (asked.length === 0 || asked.includes('node')) await benchNode();
