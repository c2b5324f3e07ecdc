/** Snapshots of the Python agent: stall against a bare fork, time, objects a second, memory, by way of taking them. */
// Its cost to a busy program: node build/bench.mjs agent-idle
// node build/bench.mjs agent [--python PATH] [--heaps 200000:100,1000000:1024,5000000:4096] [--modes clone,stopTheWorld] [--runs 5] [--peers guppy,pympler,objgraph]
// A heap is a number of objects and MiB of buffers besides. The Python walk: --modes fork,inProcess, best with --runs 1. The
// peers have to be installed for the interpreter, as in: python -m venv V && V/bin/pip install guppy3 pympler objgraph; --python V/bin/python.
import { existsSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Target, until, type Params } from '#test/integration/python-agent/agent-client.ts';
import { supportedInterpreters } from '#test/integration/python-agent/interpreters.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    heaps: { type: 'string', default: '200000:100,1000000:1024,5000000:4096' },
    modes: { type: 'string', default: 'clone,stopTheWorld' },
    peers: { type: 'string', default: '' },
    runs: { type: 'string', default: '5' },
  },
});
const minor = values.python ? undefined : supportedInterpreters().found.find((one) => one.minor === '3.11') ?? supportedInterpreters().found.at(-1);
const python = values.python ?? minor?.path;
if (!python || !existsSync(python)) throw new Error(`no Python; looked in ${homedir()}/.pyenv and PATH, or use --python`);
const runs = Number(values.runs);

/** Other work on the machine only adds to a pause: the least of the runs is the nearest to the truth. */
const least = (list: number[]): number => Math.min(...list);
const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? NaN;

/** Sends a command; the numbers of its answer. */
async function ask(target: Target, command: string): Promise<number[]> {
  const before = target.stdout.length;
  target.tell(command);
  const line = await until(command, () => /^(\w+) ([\d. ]+);/m.exec(target.stdout.slice(before)) ?? undefined, 600_000);
  return (line[2] as string).split(' ').map(Number);
}

const rows: string[][] = [['objects', 'resident MB', 'mode', 'nodes', 'copy ms', 'fork() ms', 'ratio', 'stall ms', 'with fork() ms', 'walk ms', 'total ms', 'CPU ms', 'objects/s of CPU', 'file MB', 'copy B/object', 'target grew MB', 'blocks']];
const peerRows: string[][] = [['objects', 'tool', 'stall ms', 'total ms', 'CPU ms', 'peak more MB']];
for (const [count = 0, ballast = 0] of values.heaps.split(',').map((heap) => heap.split(':').map(Number))) {
  const target = new Target(python, [join(import.meta.dirname, 'agent-target.py'), String(count), String(ballast)]);
  const client = await Client.open((await target.meet()).webSocketUrl);
  try {
    await until('a built heap', () => target.stdout.includes('ready'), 300_000);
    const { version } = await client.call('Python.getInfo');
    if (rows.length === 1) process.stdout.write(`CPython ${String(version)}; ${runs} runs: pauses the least, the rest the median\n`);
    for (const mode of values.modes.split(',').filter((one) => one !== '')) {
      const cpu: number[] = [], stalls: number[] = [], pauses: number[] = [], calls: number[] = [], bare: number[] = [], walks: number[] = [], totals: number[] = [], grew: number[] = [], blocks: number[] = [];
      let last: Params = {};
      let resident = 0;
      let fileBytes = 0;
      for (let run = -1; run < runs; run++) {
        const file = join(target.folder, `bench-${mode}.heapsnapshot`);
        rmSync(file, { force: true });
        const [residentBefore, blocksBefore] = (await ask(target, 'reset')) as [number, number];
        const started = performance.now();
        last = await client.call('Python.writeHeapSnapshot', { path: file, mode, reportProgress: false });
        const total = performance.now() - started;
        const [stall, residentAfter, blocksAfter] = (await ask(target, 'report')) as [number, number, number];
        const [forkStall, forkCall] = (await ask(target, `fork ${Math.min(total / 1000, 2).toFixed(3)}`)) as [number, number];
        fileBytes = statSync(file).size;
        resident = residentAfter;
        if (run < 0) continue; // the first one loads and checks the walker
        stalls.push(stall);
        bare.push(forkStall);
        calls.push(forkCall);
        const pause = Number(last['pauseMs'] ?? NaN);
        pauses.push(pause);
        cpu.push(Number(last['copyCpuMs'] ?? NaN));
        totals.push(total);
        walks.push(Number(last['walkMs'] ?? NaN));
        grew.push((residentAfter - residentBefore) / 1e6);
        blocks.push(blocksAfter - blocksBefore);
      }
      const nodes = Number(last['nodes']);
      const mid = median(totals);
      rows.push([
        String(count), (resident / 1e6).toFixed(0), String(last['mode']), String(nodes), least(pauses).toFixed(1), least(calls).toFixed(1), (least(pauses) / least(calls)).toFixed(2), least(stalls).toFixed(1), least(bare).toFixed(1),
        median(walks).toFixed(0), mid.toFixed(0), median(cpu).toFixed(0), ((nodes / (median(cpu) || mid)) * 1000).toExponential(2), (fileBytes / 1e6).toFixed(0),
        last['copyBytes'] ? (Number(last['copyBytes']) / nodes).toFixed(0) : '-', median(grew).toFixed(1), String(median(blocks)),
      ]);
      process.stderr.write(`${rows.at(-1)?.join('  ') ?? ''}\n`);
    }
    for (const peer of values.peers.split(',').filter((one) => one !== '')) {
      const tries: number[][] = [];
      for (let run = 0; run < Math.min(runs, 3); run++) tries.push(await ask(target, `peer ${peer}`));
      const column = (index: number): number[] => tries.map((one) => one[index] ?? NaN);
      if (Math.max(...column(0)) === 0) peerRows.push([String(count), `${peer} is not installed`, '', '', '', '']);
      else peerRows.push([String(count), peer, median(column(2)).toFixed(0), median(column(0)).toFixed(0), median(column(1)).toFixed(0), (Math.max(...column(3)) / 1e6).toFixed(0)]);
    }
  } finally {
    client.close();
    target.tell('quit');
    await target.dispose();
  }
}
function print(table: string[][]): void {
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] as string).length))) ?? [];
  for (const row of table) process.stdout.write(row.map((cell, column) => cell.padStart(widths[column] as number)).join('  ') + '\n');
}
if (rows.length > 1) print(rows);
if (peerRows.length > 1) print(peerRows);
