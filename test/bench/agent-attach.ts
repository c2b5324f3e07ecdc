/** Attaching to a busy Python: how long it takes, and its longest stall, with and without compiled modules at hand. */
// node build/bench.mjs agent-attach [--rounds 10] [python interpreter …]
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { findAgentDir } from '#main/targets/agent-dir.ts';
import { attachProcess } from '#main/targets/attach.ts';
import { Target, until } from '#test/integration/python-agent/agent-client.ts';
import { allInterpreters } from '#test/integration/python-agent/interpreters.ts';

const { values, positionals } = parseArgs({ options: { rounds: { type: 'string', default: '10' } }, allowPositionals: true });
const pythons = positionals.length > 0 ? positionals : allInterpreters().map(({ path }) => path);
const PROGRAM = join(import.meta.dirname, 'agent-target.py');
const dir = mkdtempSync(join(tmpdir(), 'heaphouse-bench-attach-'));
// As in a package: nothing compiled lies beside the sources.
const agentDir = join(dir, 'agent');
cpSync(await findAgentDir(), agentDir, { recursive: true, filter: (path) => !path.includes('__pycache__') });

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN;
const show = (list: number[]): string => `${Math.min(...list).toFixed(0).padStart(5)} ${median(list).toFixed(0).padStart(6)} ${Math.max(...list).toFixed(0).padStart(6)}`;

async function ask(target: Target, command: string): Promise<number> {
  const from = target.stdout.length;
  target.tell(command);
  const line = await until(command, () => /^\w+ ([\d.]+)[\d. ]*;/m.exec(target.stdout.slice(from)) ?? undefined, 30_000);
  return Number(line[1]);
}

function detach(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.on('error', reject);
    socket.on('open', () => socket.send('{"id":1,"method":"Python.detach"}'));
    socket.on('close', () => resolve());
  });
}

try {
  process.stdout.write(`least, median, most of ${values.rounds} rounds, ms: from the call to the agent's address; longest stall of the busy thread (no attach: for comparison)\n`);
  for (const python of pythons) {
    const target = new Target(python, [PROGRAM, '2000'], { agent: false });
    try {
      await target.says('ready');
      const WAYS = ['prepared', 'compiled in the target', 'no attach'];
      const latencies = new Map<string, number[]>(WAYS.map((way) => [way, []]));
      const stalls = new Map<string, number[]>(WAYS.map((way) => [way, []]));
      let first = NaN;
      for (let round = -1; round < Number(values.rounds); round++) {
        for (const way of WAYS) {
          await ask(target, 'reset');
          const begun = performance.now();
          if (way === 'no attach') await new Promise((resolve) => setTimeout(resolve, 300));
          else {
            const attached = await attachProcess(target.pid, { rendezvousDir: join(dir, 'rendezvous'), agentDir, bytecodeDir: way === 'prepared' ? join(dir, 'code') : undefined });
            if (round < 0 && way === 'prepared') first = performance.now() - begun;
            if (round >= 0) latencies.get(way)?.push(performance.now() - begun);
            stalls.get(way)?.push(await ask(target, 'report'));
            await detach(attached.capture.webSocketUrl);
            await attached.dispose();
            continue;
          }
          stalls.get(way)?.push(await ask(target, 'report'));
        }
      }
      process.stdout.write(`${python}; the first time, when they are made: ${first.toFixed(0)} ms\n`);
      for (const way of WAYS) process.stdout.write(`  ${way.padEnd(24)} attach ${way === 'no attach' ? '                   ' : show(latencies.get(way) ?? [])}   stall ${show((stalls.get(way) ?? []).slice(1))}\n`);
    } finally {
      target.tell('quit');
      await target.dispose();
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
