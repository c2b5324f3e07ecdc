/**
 * What watching costs a program: the same piece of work in one process, watched as the workbench watches (10 samples a
 * second, every collection, allocator totals, segments) and alone in turns, in the order A B B A. Two processes differ by
 * more than what is to be seen here (addresses, hash seeds). For Python "alone" has the agent loaded and nobody connected, which
 * costs nothing (`npm run bench agent-idle`). Compared are processor time of the whole process (our thread in it included) and
 * elapsed time: mean of watched over alone with the error of that mean, and the median.
 *
 *   node test/bench/watching.ts [--only many|allocating|computing|node] [--rounds N] [python version or path …]
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startSessionHost, type SessionClient } from '../integration/capture/session-client.ts';
import { supportedInterpreters } from '../integration/python-agent/interpreters.ts';

const BOOTSTRAP = fileURLToPath(new URL('../../main/agents/python/bootstrap', import.meta.url));
const { values: options, positionals: asked } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string', default: '10' }, only: { type: 'string', default: '' } } });
const ROUNDS = Number(options.rounds);
/** Longer than the five seconds after which allocator totals, segments and settings are read again. */
const SPELL_MS = 5_500;
/** A piece so much longer than usual was held up by something else; watching comes in every quarter of a second or second. */
const DISTURBED = 1.25;
/** After the first readings, which every start of a recording makes. */
const SETTLE_MS = 800;

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
  many: `for _ in range(200000):
    a, b = Node(), Node()
    a.other, b.other = b, a`,
  allocating: `for _ in range(40):
    rows = [{'id': i, 'name': str(i), 'tags': [i, i + 1]} for i in range(5000)]`,
  computing: `x = 0
for i in range(2000000):
    x += i * i % 7`,
};

interface Spell {
  /** Of a piece, without those that somebody else on the machine held up. */
  cpuMs: number;
  elapsedMs: number;
  allMs: number;
  collections: number;
  /** Processor time of the agent's thread, Python only. */
  agentMs: number;
}

interface Program {
  child: ChildProcessWithoutNullStreams;
  stderr(): string;
  spell(): Promise<Spell>;
}

function start(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Program {
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

  async function piece(): Promise<number[]> {
    const line = await new Promise<string>((resolve) => {
      waiting = resolve;
      child.stdin.write('go\n');
    });
    return line.trim().split(' ').map(Number);
  }

  /** Of all threads but the first: nanoseconds on a processor. */
  function otherThreadsMs(): number {
    const threads = readdirSync(`/proc/${child.pid}/task`).filter((id) => Number(id) !== child.pid);
    return threads.reduce((sum, id) => sum + Number(readFileSync(`/proc/${child.pid}/task/${id}/schedstat`, 'latin1').split(' ')[0]) / 1e6, 0);
  }

  return {
    child,
    stderr: () => stderr,
    async spell() {
      const began = otherThreadsMs();
      const cpu: number[] = [];
      const elapsed: number[] = [];
      let collections = 0;
      const until = performance.now() + SPELL_MS;
      while (performance.now() < until) {
        const [cpuMs = 0, elapsedMs = 0, found = 0] = await piece();
        cpu.push(cpuMs);
        elapsed.push(elapsedMs);
        collections += found;
      }
      return { cpuMs: undisturbed(cpu), elapsedMs: undisturbed(elapsed), allMs: elapsed.reduce((sum, value) => sum + value, 0), collections, agentMs: otherThreadsMs() - began };
    },
  };
}

async function until<T>(look: () => T | null | undefined | false): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const found = look();
    if (found) return found;
    await rest(20);
  }
  throw new Error('timed out');
}

const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
/** Mean of what is not far above the median. */
const undisturbed = (values: number[]) => mean(values.filter((value) => value <= DISTURBED * median(values)));
const percent = (value: number) => (value * 100).toFixed(2).padStart(6);

function describe(ratios: number[]): string {
  const centre = mean(ratios);
  const error = Math.sqrt(mean(ratios.map((ratio) => (ratio - centre) ** 2)) / Math.max(1, ratios.length - 1));
  return `${percent(centre - 1)} ± ${percent(error).trim()} % (median ${percent(median(ratios) - 1).trim()})`;
}

/** `watch` begins to watch and returns how to stop. */
async function compare(name: string, program: Program, watch: () => Promise<() => Promise<number>>, isPython: boolean): Promise<void> {
  await program.spell();
  const ratios = { cpu: [] as number[], elapsed: [] as number[] };
  const sums = { elapsedMs: 0, collections: 0, agentMs: 0, recorded: 0 };
  const watched = async () => {
    const stop = await watch();
    await rest(SETTLE_MS);
    const spell = await program.spell();
    sums.recorded += await stop();
    await rest(SETTLE_MS);
    return spell;
  };
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0 ? await watched() : await program.spell();
    const second = round % 2 === 0 ? await program.spell() : await watched();
    const [w, a] = round % 2 === 0 ? [first, second] : [second, first];
    ratios.cpu.push(w.cpuMs / a.cpuMs);
    ratios.elapsed.push(w.elapsedMs / a.elapsedMs);
    sums.elapsedMs += w.allMs;
    sums.collections += w.collections;
    sums.agentMs += w.agentMs;
  }
  console.log(`${name.padEnd(26)} CPU ${describe(ratios.cpu)}   elapsed ${describe(ratios.elapsed)}   ${ROUNDS} × ${(SPELL_MS / 1000).toFixed(1)} s each`);
  if (isPython) {
    const share = percent(sums.agentMs / sums.elapsedMs).trim();
    console.log(`${''.padEnd(26)} the agent's thread: ${share} % of the time; ${Math.round((sums.collections / sums.elapsedMs) * 1000)} collections a second, ${sums.recorded} recorded of ${sums.collections} and those of the settling`);
  }
}

async function withDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
  try {
    await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function recorded(host: SessionClient): Promise<number> {
  return (await host.memory.gcSummary({})).collections;
}

async function benchPython(path: string, version: string, name: string, work: string): Promise<void> {
  await withDir(async (dir) => {
    const program = start(path, ['-c', PYTHON(work)], { PYTHONPATH: BOOTSTRAP, HEAPHOUSE_AGENT: dir });
    const { pid } = program.child;
    try {
      const file = join(dir, `${pid}.json`);
      await until(() => existsSync(file));
      const { webSocketUrl } = JSON.parse(readFileSync(file, 'utf8')) as { webSocketUrl: string };
      const watch = async () => {
        const host = await startSessionHost();
        const own = mkdtempSync(join(dir, 'recording-'));
        await host.capture.start({ dir: own, target: { kind: 'python', pid: pid!, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 100 });
        return async () => {
          const found = await recorded(host);
          // Killed, not stopped: the agent is to stay for the next spell.
          host.child.kill('SIGKILL');
          await host.exited;
          return found;
        };
      };
      await compare(`CPython ${version}, ${name}`, program, watch, true);
    } finally {
      program.child.kill('SIGKILL');
    }
  });
}

async function benchNode(): Promise<void> {
  await withDir(async (dir) => {
    const program = start(process.execPath, ['--inspect=127.0.0.1:0', '-e', NODE]);
    try {
      const url = await until(() => /ws:\/\/\S+/.exec(program.stderr())?.[0]);
      const watch = async () => {
        const host = await startSessionHost();
        const own = mkdtempSync(join(dir, 'recording-'));
        await host.capture.start({ dir: own, target: { kind: 'node', pid: program.child.pid!, webSocketUrl: url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 100 });
        return async () => {
          const found = await recorded(host);
          await host.capture.detach({});
          await host.stop();
          return found;
        };
      };
      await compare(`Node.js ${process.versions.node}, allocating`, program, watch, false);
    } finally {
      program.child.kill('SIGKILL');
    }
  });
}

const { found } = supportedInterpreters();
const chosen = asked.length > 0 ? found.filter(({ version, path }) => asked.includes(path) || asked.some((text) => version.startsWith(text))) : found;
if (options.only !== 'node') for (const { path, version } of chosen) for (const [name, work] of Object.entries(WORK)) if (!options.only || options.only === name) await benchPython(path, version, name, work);
if (options.only === 'node' || (!options.only && asked.length === 0)) await benchNode();
