/** Cost of the Python agent to a busy program: idle, watching, sampling allocations or the CPU; user CPU time against the bare program. */
// node build/bench.mjs agent-idle [--python PATH] [--rounds 25] [--work compute,allocate]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, PACKAGE_PARENT, Target, until } from '#test/integration/python-agent/agent-client.ts';
import { supportedInterpreters } from '#test/integration/python-agent/interpreters.ts';

const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string', default: '25' }, work: { type: 'string', default: 'compute,allocate' } } });
const { found } = supportedInterpreters();
const python = values.python ?? (found.find((one) => one.minor === '3.11') ?? found.at(-1))?.path;
if (!python) throw new Error('no Python; use --python');
const PROGRAM = join(import.meta.dirname, 'agent-idle-target.py');

interface Way {
  name: string;
  agent: boolean;
  client: boolean;
  /** Three rounds tell enough. */
  slow?: true;
  begin?(client: Client, target: Target): Promise<unknown>;
  end?(client: Client, target: Target): Promise<unknown>;
}
const sampling = (samplingInterval: number): Way => ({
  name: `allocations, each ${samplingInterval / 1024} KiB`,
  agent: true,
  client: true,
  begin: (client) => client.call('HeapProfiler.startSampling', { samplingInterval }),
  end: (client) => client.call('HeapProfiler.stopSampling'),
});
const BARE: Way = { name: 'bare', agent: false, client: false };
const WAYS: Way[] = [
  { ...BARE, name: 'bare again (the noise)' },
  { name: 'agent loaded, nobody connected', agent: true, client: false },
  { name: 'agent, one client, collections told', agent: true, client: true, begin: (client) => client.call('Python.enable', { batches: true }) },
  sampling(524_288),
  sampling(131_072),
  sampling(32_768),
  sampling(8_192),
  { name: 'CPU, every 10 ms', agent: true, client: true, begin: (client) => client.call('Profiler.start'), end: (client) => client.call('Profiler.stop') },
  { name: 'tracemalloc, 1 frame (for comparison)', slow: true, agent: false, client: false, begin: async (_client, target) => void target.tell('trace 1'), end: async (_client, target) => void target.tell('untrace') },
];

async function ask(target: Target, command: string, answer: RegExp): Promise<string> {
  const from = target.stdout.length;
  target.tell(command);
  return (await until(command, () => answer.exec(target.stdout.slice(from)) ?? undefined, 120_000))[1] ?? '';
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN;

/** All in one process, the agent in and out each time: two processes differ by more than what is to be seen here. */
async function measure(target: Target, way: Way, work: string): Promise<number> {
  const address = way.agent ? await ask(target, 'load', /address (\S+);/) : '';
  const client = way.client ? await Client.open(address) : null;
  await way.begin?.(client as Client, target);
  const spent = Number(await ask(target, work, /spent ([\d.]+);/));
  await way.end?.(client as Client, target);
  client?.close();
  if (way.agent) await ask(target, 'unload', /(away);/);
  return spent;
}

/** Times the agent's threads were woken, and their CPU time, while the program works for some seconds and nobody asks anything. */
async function wakeUps(program: string, connected: boolean): Promise<string> {
  const target = new Target(program, [PROGRAM]);
  try {
    const client = connected ? await Client.open((await target.meet()).webSocketUrl) : null;
    await target.meet();
    await target.says('ready');
    await ask(target, 'compute', /spent ([\d.]+);/);
    const threads = (): string[] => readdirSync(`/proc/${target.pid}/task`).filter((id) => Number(id) !== target.pid);
    const figures = (): number[] =>
      threads().reduce(
        (sum, id) => {
          const [wakes, cpu] = [/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${target.pid}/task/${id}/status`, 'utf8'))?.[1], readFileSync(`/proc/${target.pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]];
          return [(sum[0] ?? 0) + Number(wakes), (sum[1] ?? 0) + Number(cpu)];
        },
        [0, 0],
      );
    const before = figures();
    const started = performance.now();
    while (performance.now() - started < 3_000) await ask(target, 'compute', /spent ([\d.]+);/);
    const after = figures();
    client?.close();
    return `${threads().length} thread, ${(after[0] ?? 0) - (before[0] ?? 0)} wake-ups, ${(((after[1] ?? 0) - (before[1] ?? 0)) / 1e6).toFixed(3)} ms of CPU in ${((performance.now() - started) / 1000).toFixed(1)} s of work`;
  } finally {
    await target.dispose();
  }
}
for (const connected of [false, true]) process.stdout.write(`idle agent, ${connected ? 'a client connected' : 'nobody connected'}: ${await wakeUps(python, connected)}\n`);

for (const work of values.work.split(',')) {
  const target = new Target(python, [PROGRAM], { agent: false, env: { PYTHONPATH: PACKAGE_PARENT } });
  try {
    await target.says('ready');
    await measure(target, BARE, work);
    const times = new Map<Way, { ratios: number[]; least: number }>(WAYS.map((way) => [way, { ratios: [], least: Infinity }]));
    let bare = Infinity;
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const way of [...WAYS].sort(() => Math.random() - 0.5)) {
        if (way.slow && round > 2) continue;
        // A bare run before and after: what else happens on the machine falls on both.
        const before = await measure(target, BARE, work);
        const spent = await measure(target, way, work);
        const after = await measure(target, BARE, work);
        bare = Math.min(bare, before, after);
        const entry = times.get(way)!;
        entry.ratios.push(spent / ((before + after) / 2));
        entry.least = Math.min(entry.least, spent);
      }
    }
    process.stdout.write(`${work}: user CPU of the program, against bare runs before and after; ${values.rounds} rounds, bare at least ${(bare * 1000).toFixed(1)} ms\n`);
    for (const [way, { ratios, least }] of times) {
      process.stdout.write(`  ${way.name.padEnd(40)} median ${((median(ratios) - 1) * 100).toFixed(2).padStart(8)} %   least ${((least / bare - 1) * 100).toFixed(2).padStart(8)} %\n`);
    }
  } finally {
    target.tell('quit');
    await target.dispose();
  }
}
