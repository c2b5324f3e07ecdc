/** Cost of recording the stack of every allocation in Python, beside tracemalloc in the same run: CPU time and memory of the program. */
// node build/bench.mjs agent-recording [--python PATH] [--rounds 3] [--work allocate,deep,integers] [--rows 500000]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, PACKAGE_PARENT, Target, until } from '#test/integration/python-agent/agent-client.ts';
import { supportedInterpreters } from '#test/integration/python-agent/interpreters.ts';

const { values } = parseArgs({
  options: { python: { type: 'string' }, rounds: { type: 'string', default: '3' }, work: { type: 'string', default: 'allocate,deep,integers' }, rows: { type: 'string', default: '500000' } },
});
const { found } = supportedInterpreters();
const python = values.python ?? (found.find((one) => one.minor === '3.11') ?? found.at(-1))?.path;
if (!python) throw new Error('no Python; use --python');
const PROGRAM = join(import.meta.dirname, 'agent-idle-target.py');

interface Way {
  readonly name: string;
  begin(target: Target): Promise<() => Promise<unknown>>;
}

async function ask(target: Target, command: string, answer: RegExp): Promise<string> {
  const from = target.stdout.length;
  target.tell(command);
  return (await until(command, () => answer.exec(target.stdout.slice(from)) ?? undefined, 120_000))[1] ?? '';
}

const NOTHING: Way = { name: 'bare', begin: () => Promise.resolve(() => Promise.resolve()) };
const agent = (name: string, on: [string, Record<string, number>?], off: string): Way => ({
  name,
  async begin(target) {
    const client = await Client.open(await ask(target, 'load', /address (\S+);/));
    await client.call(on[0], on[1] ?? {});
    return async () => {
      await client.call(off);
      client.close();
      await ask(target, 'unload', /(away);/);
    };
  },
});
const tracemalloc = (frames: number): Way => ({
  name: `tracemalloc, ${frames} ${frames === 1 ? 'frame' : 'frames'}`,
  async begin(target) {
    target.tell(`trace ${frames}`);
    return () => Promise.resolve(target.tell('untrace'));
  },
});
const WAYS: Way[] = [
  agent('stacks of all allocations, 64 calls deep', ['Python.startAllocationRecording'], 'Python.stopAllocationRecording'),
  agent('sampled, each 128 KiB', ['HeapProfiler.startSampling', { samplingInterval: 131_072 }], 'HeapProfiler.stopSampling'),
  tracemalloc(1),
  tracemalloc(25),
];
const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN;

const target = new Target(python, [PROGRAM], { agent: false, env: { PYTHONPATH: PACKAGE_PARENT } });
try {
  await target.says('ready');
  const spend = async (way: Way, work: string): Promise<number> => {
    const end = await way.begin(target);
    const spent = Number(await ask(target, work, /spent ([\d.]+);/));
    await end();
    return spent;
  };
  for (const work of values.work.split(',')) {
    await spend(NOTHING, work);
    const ratios = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const way of WAYS) {
        // A bare run before and after: what else happens on the machine falls on both.
        const before = await spend(NOTHING, work);
        const spent = await spend(way, work);
        ratios.get(way)!.push(spent / ((before + (await spend(NOTHING, work))) / 2));
      }
    }
    process.stdout.write(`${work}: user CPU of the program as a multiple of a bare run, ${values.rounds} rounds\n`);
    for (const [way, list] of ratios) process.stdout.write(`  ${way.name.padEnd(44)} median ${median(list).toFixed(2)}   least ${Math.min(...list).toFixed(2)}   most ${Math.max(...list).toFixed(2)}\n`);
  }
  process.stdout.write(`resident memory of ${values.rows} kept objects with their contents\n`);
  for (const way of [NOTHING, ...WAYS]) {
    // Each in a process of its own: memory that was freed is not given back.
    const own = new Target(python, [PROGRAM], { agent: false, env: { PYTHONPATH: PACKAGE_PARENT } });
    try {
      await own.says('ready');
      const end = await way.begin(own);
      const bytes = Number(await ask(own, `keep ${values.rows}`, /grown (-?\d+);/));
      process.stdout.write(`  ${way.name.padEnd(44)} ${(bytes / 2 ** 20).toFixed(1).padStart(7)} MiB\n`);
      await end();
    } finally {
      own.tell('quit');
      await own.dispose();
    }
  }
} finally {
  target.tell('quit');
  await target.dispose();
}
