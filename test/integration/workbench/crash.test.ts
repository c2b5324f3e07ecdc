/** A process of ours or the target is killed at a random moment; the session opens again. `npm run stress kill` does it a hundred times. */
import { describe, expect, it } from 'vitest';
import { killRound, MAX_LOST_MS, VICTIMS, type Kind } from '../../stress/kill-round.ts';

const KINDS: readonly Kind[] = ['node', 'python'];
/** Which moment it is differs from run to run; a failure tells it. */
const MAX_KILL_AFTER_MS = 3_000;

describe.each(KINDS)('SIGKILL while a %s program is recorded', (kind) => {
  it.each(VICTIMS)('of the %s loses at most the last second, and the session opens', async (victim) => {
    const outcome = await killRound({ victim, kind, from: 'attached', killAfterMs: Math.round(Math.random() * MAX_KILL_AFTER_MS) });
    expect(outcome.lostMs, JSON.stringify(outcome)).toBeLessThanOrEqual(MAX_LOST_MS);
  });
});
