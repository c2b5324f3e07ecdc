/** The analysis host as a process of its own, reached through the workbench as a window does. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkbench, type Workbench } from '#main/workbench/workbench.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import type { HeapProgress } from '#shared/model/heap.ts';
import type { ServiceClient } from '#shared/rpc/define-service.ts';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';

let dir: string;
let workbench: Workbench;
let heap: ServiceClient<typeof heapContract>;
let pair: { baseId: string; comparedId: string };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-analysis-host-'));
  workbench = createWorkbench({ sessionsDir: dir, cwd: dir });
  const files = comparisonPair({ sessions: 300 });
  const sessions = workbench.client.service(sessionsContract);
  const { sessionId } = await sessions.open({ paths: [files.base, files.compared] });
  heap = workbench.client.service(heapContract, sessionId);
  const [session] = await sessions.list({});
  pair = { baseId: session!.snapshots[0]!.id, comparedId: session!.snapshots[1]!.id };
});
afterAll(async () => {
  await workbench.dispose();
  rmSync(dir, { recursive: true, force: true });
});

describe('analysis host', () => {
  it('compares with progress and exports', async () => {
    const phases = new Set<string>();
    const summary = await heap.compare(pair, { onProgress: (value: HeapProgress) => phases.add(value.phase) });
    expect(summary.totals.new.objects).toBe(600);
    expect([...phases]).toEqual(expect.arrayContaining(['reading', 'dominators', 'comparing']));
    const file = await heap.exportComparison({ ...pair, format: 'html' });
    expect(readFileSync(file.path, 'utf8')).toContain('+300 <code>__main__.Session</code> objects');
    rmSync(file.path);
  });

  it('is a process that ends with the workbench, and is started again after a crash', async () => {
    const [worker] = workbench.workers();
    expect(worker!.pid).not.toBe(process.pid);
    process.kill(worker!.pid, 'SIGKILL');
    await expect.poll(() => workbench.workers()).toEqual([]);
    expect((await heap.open({ snapshotId: pair.comparedId })).nodes).toBeGreaterThan(1_000);
    const { pid } = workbench.workers()[0]!;
    await workbench.dispose();
    expect(() => process.kill(pid, 0)).toThrow();
  });
});
