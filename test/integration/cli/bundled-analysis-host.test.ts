/**
 * The analysis host as it is shipped: the bundle of out/main, with the heap engine's second thread, which is another file
 * there (heap-helper.cjs) and is started from its text.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createWorkbench, type Workbench } from '#main/workbench/workbench.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bundles = join(root, 'out', 'main');

vi.mock('#main/workbench/app-root.ts', async (original) => ({
  ...(await original<object>()),
  hostEntry: (kind: string) => join(bundles, `${kind}-host.js`),
}));

let dir: string;
let workbench: Workbench;

beforeAll(() => {
  const builtAt = statSync(join(bundles, 'heap-helper.cjs'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const heap = join(root, 'main', 'heap');
  if (readdirSync(heap).some((name) => statSync(join(heap, name)).mtimeMs > builtAt)) {
    execFileSync(process.execPath, [join(root, 'build', 'build.mjs'), 'main'], { cwd: root, stdio: 'pipe' });
  }
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-bundled-host-'));
  workbench = createWorkbench({ sessionsDir: dir, cwd: dir });
}, 120_000);
afterAll(async () => {
  await workbench.dispose();
  rmSync(dir, { recursive: true, force: true });
});

/** How many of a process's threads are the heap engine's, as Linux lists them. */
function helperThreads(pid: number): number {
  let found = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      if (readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === 'heap helper') found++;
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

it.runIf(process.platform === 'linux')('reads and analyses a large snapshot with two threads (threads as Linux lists them)', async () => {
  const file = join(dir, 'large.heapsnapshot');
  const { nodes, sessions: kept } = await writeSyntheticSnapshot(file, { nodes: 700_000 });
  expect(statSync(file).size).toBeGreaterThan(32 * 2 ** 20); // below that one thread does it
  const sessions = workbench.client.service(sessionsContract);
  const { sessionId } = await sessions.open({ paths: [file] });
  const heap = workbench.client.service(heapContract, sessionId);
  const [session] = await sessions.list({});
  let most = 0;
  const watch = setInterval(() => {
    const worker = workbench.workers()[0];
    if (worker) most = Math.max(most, helperThreads(worker.pid));
  }, 5);
  const { id: snapshotId } = session!.snapshots[0]!;
  expect((await heap.open({ snapshotId })).nodes).toBe(nodes);
  await heap.analyse({ snapshotId });
  clearInterval(watch);
  expect(most).toBe(1);
  const { rows } = await heap.classes({ snapshotId, query: { start: 0, end: 500, filter: 'Session' } });
  expect(rows.reduce((sum, row) => sum + row.objects, 0)).toBe(kept);
  expect(rows.every((row) => row.retainedBytes! > row.shallowBytes)).toBe(true);
  await expect.poll(() => helperThreads(workbench.workers()[0]!.pid), { timeout: 5_000 }).toBe(0);
});
