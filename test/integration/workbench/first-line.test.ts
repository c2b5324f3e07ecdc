/** "Wait at the first line until recording": what the very first line does is in the recording. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { classIndexOf, nodesOfClass } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import { setSites } from '#main/heap/set-sites.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createHarness, type Harness } from './harness.ts';

let h: Harness;
let dir: string;
beforeEach(() => {
  h = createHarness();
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-first-'));
});
afterEach(async () => {
  await h.dispose();
  rmSync(dir, { recursive: true, force: true });
});

const PYTHON = 'import time; print("first", time.time() * 1000, flush=True); import gc; gc.collect(); print("second", time.time() * 1000, flush=True)\ntime.sleep(60)\n';
const NODE = 'console.log("first", performance.timeOrigin + performance.now()); globalThis.gc(); console.log("second", performance.timeOrigin + performance.now()); setInterval(() => {}, 1000);\n';

describe('a launch that waits', () => {
  it.each([
    { kind: 'Python', command: 'python3', args: [] as string[], name: 'first.py', text: PYTHON },
    { kind: 'Node.js', command: process.execPath, args: ['--expose-gc'], name: 'first.js', text: NODE },
  ])('$kind: recording has begun before the first line, whose collection is in it', async ({ command, args, name, text }) => {
    writeFileSync(join(dir, name), text);
    const { sessionId } = await h.targets.launch({ command, args: [...args, join(dir, name)], env: {}, pauseAtStart: true });
    await h.waitForOutput(sessionId, 'second');
    const said = await h.outputOf(sessionId);
    const at = (word: string) => Number(new RegExp(`${word} ([\\d.]+)`).exec(said)?.[1]);
    const timeline = h.workbench.client.service(timelineContract, sessionId);
    const slackMs = 30;
    await vi.waitFor(async () => {
      const { gc } = await timeline.window({ maxPoints: 1_000 });
      expect(gc.at.some((when) => when >= at('first') - slackMs && when <= at('second') + slackMs), `${said} ${gc.at.join(' ')}`).toBe(true);
    }, 10_000);
    const { marks } = await timeline.window({ maxPoints: 1_000 });
    expect(marks.find((mark) => mark.kind === 'attach')?.at).toBeLessThanOrEqual(at('first') + slackMs);
  });

  it.each([
    { kind: 'Python', command: 'python3', name: 'first.py', text: 'class First:\n    pass\n\n\nkept = First()\nprint("kept", flush=True)\nimport time; time.sleep(60)\n', className: '__main__.First', place: /^<module> \(.*first\.py:5\)$/ },
    { kind: 'Node.js', command: process.execPath, name: 'first.js', text: 'class First {}\nglobalThis.kept = new First();\nconsole.log("kept"); setInterval(() => {}, 1000);\n', className: 'First', place: /first\.js/ },
  ])('$kind: allocation stacks are recorded from the first line on, when asked for', async ({ command, name, text, className, place }) => {
    writeFileSync(join(dir, name), text);
    const { sessionId } = await h.targets.launch({ command, args: [join(dir, name)], env: {}, allocationStacks: true });
    await h.waitForOutput(sessionId, 'kept');
    expect((await h.workbench.client.service(liveContract, sessionId).allocationStacks({})).since).not.toBeNull();
    const { path } = await h.workbench.client.service(sessionsContract).takeSnapshot({ sessionId });
    const heap = await openHeap(path);
    const { groups } = await setSites(heap, nodesOfClass(heap, classIndexOf(heap, className)));
    expect(groups.map(({ site }) => site)).toEqual([expect.stringMatching(place)]);
  });
});
