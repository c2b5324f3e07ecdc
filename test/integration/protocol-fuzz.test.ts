/** The short run of the protocol fuzz; `npm run fuzz -- protocol` is the long one. */
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { malformed } from '#test/fixtures/protocol/malformed.ts';
import { agentSubject, hostileTargetSubject, rpcSubject, webSubject, type Subject } from '#test/fixtures/protocol/subjects.ts';

const MESSAGES = 1_500;
const hasPython = spawnSync('python3', ['--version']).status === 0;
let subject: Subject | null = null;
afterEach(async () => {
  await subject?.dispose();
  subject = null;
});

const SUBJECTS: { name: string; make: () => Subject | Promise<Subject>; cases: number; missing: string }[] = [
  { name: 'the RPC with all contracts', make: rpcSubject, cases: MESSAGES, missing: '' },
  { name: 'the socket of the web host', make: webSubject, cases: MESSAGES, missing: '' },
  { name: 'the agent in a Python', make: () => agentSubject('python3'), cases: MESSAGES, missing: hasPython ? '' : ' (skipped: no python3)' },
  { name: 'our client facing a hostile target', make: hostileTargetSubject, cases: MESSAGES / 8, missing: '' },
];

describe('malformed messages', () => {
  for (const { name, make, cases, missing } of SUBJECTS) it.skipIf(missing !== '')(`${name} goes on answering what is right${missing}`, { timeout: 60_000 }, async () => {
    subject = await make();
    for (let number = 0; number < cases; number++) await subject.attack(20_261_123, number);
    await subject.check();
  });

  it('a case is the same every time, and cases differ', () => {
    const templates = [{ id: 1, method: 'a', params: { b: [1, 2] } }];
    const texts = Array.from({ length: 50 }, (_, number) => malformed(7, number, templates));
    expect(texts).toEqual(Array.from({ length: 50 }, (_, number) => malformed(7, number, templates)));
    expect(new Set(texts).size).toBeGreaterThan(40);
  });
});
