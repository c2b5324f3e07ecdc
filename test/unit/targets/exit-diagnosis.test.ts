import { describe, expect, it } from 'vitest';
import type { ExitFacts } from '#main/targets/exit-diagnosis.ts';
import { diagnoseExit } from '#main/targets/exit-diagnosis.ts';
import { explainExit } from '#main/targets/exit-meaning.ts';
import type { CgroupMemory } from '#shared/model/target.ts';

const MIB = 1024 * 1024;

function facts(more: Partial<ExitFacts>): ExitFacts {
  return { code: null, signal: null, kind: 'python', lastSample: null, cgroup: null, at: 1, ...more };
}
function cgroup(more: Partial<CgroupMemory>): CgroupMemory {
  return { path: '/sys/fs/cgroup/x', limitBytes: null, currentBytes: 0, peakBytes: null, oomCount: null, oomKillCount: null, ...more };
}
function sample(rssMib: number) {
  return { at: 1, rssBytes: rssMib * MIB, heapUsedBytes: null, heapTotalBytes: null, externalBytes: null };
}

describe('explainExit', () => {
  it.each([
    [0, null, 'Ended normally (exit code 0)', null],
    [1, null, 'Ended with an error (exit code 1)', null],
    [2, null, 'Ended with an error (exit code 2)', null],
    [3, null, 'Ended with exit code 3', null],
    [126, null, 'Could not be started (exit code 126)', null],
    [127, null, 'Command not found (exit code 127)', null],
    [134, null, 'Aborted (SIGABRT, exit code 134)', 'SIGABRT'],
    [137, null, 'Killed (SIGKILL, exit code 137)', 'SIGKILL'],
    [139, null, 'Segmentation fault (SIGSEGV, exit code 139)', 'SIGSEGV'],
    [143, null, 'Terminated (SIGTERM, exit code 143)', 'SIGTERM'],
    [-9, null, 'Killed (SIGKILL, exit code 137)', 'SIGKILL'],
    [200, null, 'Ended with exit code 200', null],
    [null, 'SIGKILL', 'Killed (SIGKILL, exit code 137)', 'SIGKILL'],
    [null, 'SIGRTMIN', 'Ended by a signal (SIGRTMIN)', 'SIGRTMIN'],
    [3221225477, null, 'Access violation (exit code 0xc0000005)', null],
    [null, null, 'Ended', null],
  ])('%s %s', (code, signal, headline, means) => {
    const meaning = explainExit(code, signal);
    expect(meaning).toMatchObject({ headline, signal: means });
    expect(meaning.explanation.length).toBeGreaterThan(10);
  });

  it('says that 128 + n is only a convention', () => expect(explainExit(137, null).explanation).toContain('by convention'));
});

describe('diagnoseExit', () => {
  it('claims nothing for a kill without evidence', () => {
    const info = diagnoseExit(facts({ signal: 'SIGKILL', lastSample: sample(100) }));
    expect(info.likelyOutOfMemory).toBe(false);
    expect(info.explanation).toContain('usually');
    expect(info.explanation).toContain('100 MiB');
    expect(info.explanation).toContain('no evidence');
  });

  it('sees a kill that the control group counted since the start', () => {
    const info = diagnoseExit(facts({ code: 137, cgroupAtStart: cgroup({ oomKillCount: 2 }), cgroup: cgroup({ limitBytes: 256 * MIB, oomKillCount: 3 }), lastSample: sample(250) }));
    expect(info.likelyOutOfMemory).toBe(true);
    expect(info.explanation).toContain('limit 256 MiB');
  });

  it('does not take an earlier kill of the group for this one', () => {
    const info = diagnoseExit(facts({ signal: 'SIGKILL', cgroupAtStart: cgroup({ oomKillCount: 3 }), cgroup: cgroup({ limitBytes: 256 * MIB, oomKillCount: 3 }), lastSample: sample(10) }));
    expect(info.likelyOutOfMemory).toBe(false);
    expect(info.explanation).toContain('no kill for lack of memory since the start');
  });

  it('does not count kills when the start is not known', () => {
    expect(diagnoseExit(facts({ signal: 'SIGKILL', cgroup: cgroup({ oomKillCount: 3 }) })).likelyOutOfMemory).toBe(false);
  });

  it('takes memory at the limit as probable', () => {
    const info = diagnoseExit(facts({ signal: 'SIGKILL', cgroup: cgroup({ limitBytes: 256 * MIB }), lastSample: sample(250) }));
    expect(info.likelyOutOfMemory).toBe(true);
    expect(info.explanation).toContain('probably');
  });

  it('takes a peak at the limit only when it grew', () => {
    const full = cgroup({ limitBytes: 256 * MIB, peakBytes: 256 * MIB });
    expect(diagnoseExit(facts({ signal: 'SIGKILL', cgroup: full, cgroupAtStart: full })).likelyOutOfMemory).toBe(false);
    expect(diagnoseExit(facts({ signal: 'SIGKILL', cgroup: full, cgroupAtStart: cgroup({ peakBytes: MIB }) })).likelyOutOfMemory).toBe(true);
  });

  it('does not suspect memory for other signals', () => {
    const info = diagnoseExit(facts({ signal: 'SIGTERM', cgroup: cgroup({ limitBytes: MIB }), lastSample: sample(100) }));
    expect(info.likelyOutOfMemory).toBe(false);
  });

  it("knows Node's own last words, only when it failed", () => {
    const lastOutput = '<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n';
    expect(diagnoseExit(facts({ kind: 'node', signal: 'SIGABRT', lastOutput })).likelyOutOfMemory).toBe(true);
    expect(diagnoseExit(facts({ kind: 'node', code: 134, lastOutput })).explanation).toContain('--max-old-space-size');
    expect(diagnoseExit(facts({ kind: 'node', code: 0, lastOutput })).likelyOutOfMemory).toBe(false);
  });

  it("knows Python's MemoryError as the last exception, not as a word in a log", () => {
    expect(diagnoseExit(facts({ code: 1, lastOutput: 'Traceback (most recent call last):\n  File "a.py"\nMemoryError\n' })).likelyOutOfMemory).toBe(true);
    expect(diagnoseExit(facts({ code: 1, lastOutput: 'numpy.core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB\n' })).likelyOutOfMemory).toBe(true);
    expect(diagnoseExit(facts({ code: 1, lastOutput: 'handled MemoryError, going on\nValueError: x\n' })).likelyOutOfMemory).toBe(false);
    expect(diagnoseExit(facts({ code: 0, lastOutput: 'MemoryError\n' })).likelyOutOfMemory).toBe(false);
  });
});

it.each([
  ['SIGTERM', 'It was ended from Heaphouse.'],
  ['SIGKILL', 'It was ended from Heaphouse: it did not end within the time it was given, so it was killed.'],
])('%s after Terminate is not put down to anybody else', (signal, explanation) => {
  const info = diagnoseExit({ code: null, signal, kind: 'python', lastSample: null, cgroup: null, endedHere: true });
  expect(info).toMatchObject({ explanation, likelyOutOfMemory: false });
});
