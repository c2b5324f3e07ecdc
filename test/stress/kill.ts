/** Kills the workbench, a session host or the target at random moments and opens the session again: `-- --rounds 100 --seed 1`. */
import { parseArgs } from 'node:util';
import { killRound, VICTIMS, type Outcome, type Round } from './kill-round.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } } });
const rounds = Number(values.rounds);
const MAX_KILL_AFTER_MS = 3_500;
/** One round of each victim in so many kills during the launch. */
const LAUNCHES = 6;

/** Mulberry32: the same seed kills at the same moments, as far as the machine does. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const next = random(Number(values.seed));
const outcomes: Outcome[] = [];
let failed = 0;
process.stdout.write(`${rounds} rounds, seed ${values.seed}\n`);
for (let n = 0; n < rounds; n++) {
  const round: Round = { victim: VICTIMS[n % VICTIMS.length], kind: Math.floor(n / VICTIMS.length) % 2 === 0 ? 'node' : 'python', from: Math.floor(n / VICTIMS.length) % LAUNCHES === 0 ? 'start' : 'attached', killAfterMs: Math.round(next() * MAX_KILL_AFTER_MS) };
  try {
    const outcome = await killRound(round);
    outcomes.push(outcome);
    process.stdout.write(`${String(n + 1).padStart(4)} ${round.kind.padEnd(7)}${round.victim.padEnd(10)} at ${String(round.killAfterMs).padStart(5)} ms, ${outcome.phase.padEnd(10)} lost ${outcome.lostMs.toFixed(0).padStart(4)} ms, ${outcome.samples} samples, ${outcome.ready} snapshots, ${outcome.incomplete} incomplete\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`${String(n + 1).padStart(4)} ${round.kind.padEnd(7)}${round.victim.padEnd(10)} at ${round.killAfterMs} ms FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
const phases = ['launching', 'recording', 'snapshot'].map((phase) => `${outcomes.filter((one) => one.phase === phase).length} ${phase}`);
const worst = Math.max(0, ...outcomes.map(({ lostMs }) => lostMs));
process.stdout.write(`${outcomes.length} of ${rounds} as they should be (${phases.join(', ')}); most lost: ${worst.toFixed(0)} ms; ${outcomes.reduce((sum, one) => sum + one.incomplete, 0)} incomplete snapshots said to be so\n`);
process.exit(failed > 0 ? 1 : 0);
