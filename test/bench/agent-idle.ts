/** Cost of the Python agent to a busy program: idle, watching, sampling allocations or the CPU; user CPU time against the bare program. */
// node build/bench.mjs agent-idle [--python PATH] [--rounds 25] [--work compute,allocate]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Target, until } from '#test/integration/python-agent/agent-client.ts';
import { supportedInterpreters } from '#test/integration/python-agent/interpreters.ts';

const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string', default: '25' }, work: { type: 'string', default: 'compute,allocate' } } });
const { found } = supportedInterpreters();
const python = values.python ?? (found.find((one) => one.minor === '3.11') ?? found.at(-1))?.path;
if (!python) throw new Error('no Python; use --python');
const PROGRAM = join(import.meta.dirname, 'agent-idle-target.py');

interface Way {
  name: string;
  agent: boolean;
  prepare(client: Client | null, target: Target): Promise<unknown>;
}
const nothing = (): Promise<void> => Promise.resolve();
const sampling = (samplingInterval: number): Way => ({ name: `allocations, each ${samplingInterval / 1024} KiB`, agent: true, prepare: (client) => client!.call('HeapProfiler.startSampling', { samplingInterval }) });
const WAYS: Way[] = [
  { name: 'bare', agent: false, prepare: nothing },
  { name: 'bare again (the noise)', agent: false, prepare: nothing },
  { name: 'agent loaded, nobody connected', agent: true, prepare: nothing },
  { name: 'agent, one client, collections told', agent: true, prepare: (client) => client!.call('Python.enable', { batches: true }) },
  sampling(524_288),
  sampling(131_072),
  sampling(32_768),
  sampling(8_192),
  { name: 'CPU, every 10 ms', agent: true, prepare: (client) => client!.call('Profiler.start') },
  { name: 'tracemalloc, 1 frame (for comparison)', agent: false, prepare: async (_client, target) => void target.tell('trace 1') },
];

async function spent(target: Target, work: string): Promise<number> {
  const from = target.stdout.length;
  target.tell(work);
  return Number((await until(work, () => /spent ([\d.]+);/.exec(target.stdout.slice(from)) ?? undefined, 120_000))[1]);
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN;

for (const work of values.work.split(',')) {
  const running: { way: Way; target: Target; client: Client | null; times: number[] }[] = [];
  try {
    for (const way of WAYS) {
      const target = new Target(python, [PROGRAM], { agent: way.agent });
      await target.says('ready');
      const client = way.agent && way.prepare !== nothing ? await Client.open((await target.meet()).webSocketUrl) : null;
      if (way.agent) await target.meet();
      await spent(target, work); // warm
      await way.prepare(client, target);
      running.push({ way, target, client, times: [] });
    }
    for (let round = 0; round < Number(values.rounds); round++) {
      // Another order each time: what comes before must not favour anybody.
      for (const one of [...running].sort(() => Math.random() - 0.5)) one.times.push(await spent(one.target, work));
    }
    const bare = running[0]!;
    process.stdout.write(`${work}: user CPU of the program, least and median of ${values.rounds} interleaved runs\n`);
    for (const { way, times } of running) {
      const ratio = (of: (list: number[]) => number): string => `${((of(times) / of(bare.times) - 1) * 100).toFixed(2).padStart(7)} %`;
      process.stdout.write(`  ${way.name.padEnd(40)} ${(Math.min(...times) * 1000).toFixed(1).padStart(8)} ms ${ratio((list) => Math.min(...list))}   ${(median(times) * 1000).toFixed(1).padStart(8)} ms ${ratio(median)}\n`);
    }
  } finally {
    for (const { target, client } of running) {
      client?.close();
      await target.dispose();
    }
  }
}
