/**
 * Attach–detach rounds on programs with known results: crashes, deadlocks, changed results, how long the target stood
 * still, how long attaching took; by our injector and, for comparison, by gdb.
 *
 *   node test/bench/attach.ts [--rounds 200] [--gdb-rounds 10] [--kinds busy,asyncio,sleep,threads,alloc] [--agent FOLDER] [python interpreter …]
 *
 * Default: every supported interpreter that is found here. Ends with 1 if anything went wrong.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { PythonRouteId } from '#main/targets/attach/python-route.ts';
import { FURTHER_KINDS, MAIN_KINDS, attachRounds, median } from '../integration/targets/attach-rounds.ts';
import type { Kind, RoundsResult } from '../integration/targets/attach-rounds.ts';
import { allInterpreters } from '../integration/python-agent/interpreters.ts';

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, 'gdb-rounds': { type: 'string', default: '10' }, kinds: { type: 'string', default: MAIN_KINDS.join(',') }, agent: { type: 'string' } },
  allowPositionals: true,
});
const all: readonly string[] = [...MAIN_KINDS, ...FURTHER_KINDS];
const kinds = values.kinds.split(',').filter((kind): kind is Kind => all.includes(kind));
const pythons = positionals.length > 0 ? positionals : allInterpreters().map(({ path }) => path);
const hasGdb = spawnSync('gdb', ['--version']).status === 0;

function line(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell, i) => (i === 0 ? cell.padEnd(8) : i === 1 ? cell.padEnd(9) : i === 2 ? cell.padEnd(9) : cell.padStart(10))).join(' ')}\n`);
}

const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(0));

function row(version: string, kind: Kind, route: PythonRouteId, rounds: number, result: RoundsResult): boolean {
  const { pauses, latencies } = result;
  const good = result.done === rounds && result.failures.length === 0 && /^result ok \d+ \(exit 0\)$/.test(result.verdict) && result.moreCode === 0 && result.moreThreads === 0;
  line([version, kind, route, `${result.done}/${rounds}`, number(median(pauses)), number(Math.max(...pauses)), number(median(latencies)), number(Math.max(...latencies)), good ? 'ok' : 'WRONG']);
  if (!good) process.stdout.write(`    ${[result.verdict, ...result.failures, `code +${result.moreCode}, threads +${result.moreThreads}`].join('\n    ')}\n`);
  return good;
}

let wrong = 0;
line(['python', 'program', 'way', 'rounds', 'stall ms', 'max', 'attach ms', 'max', '']);
for (const python of pythons) {
  const version = spawnSync(python, ['-c', 'import platform; print(platform.python_version())'], { encoding: 'utf8' }).stdout.trim();
  for (const kind of kinds) {
    const plan: [PythonRouteId, number][] = [['injector', Number(values.rounds)], ...(hasGdb ? [['gdb', Number(values['gdb-rounds'])] as [PythonRouteId, number]] : [])];
    for (const [route, rounds] of plan) {
      if (rounds === 0) continue;
      if (!row(version, kind, route, rounds, await attachRounds(python, kind, rounds, { routes: [route], agentDir: values.agent }))) wrong++;
    }
  }
}
process.exitCode = wrong > 0 ? 1 : 0;
