/** A workbench in this process with its own folder, and the waiting that tests of live targets need. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import type { HostProcess, StartHost } from '#main/workbench/host-process.ts';
import { startNodeHost } from '#main/workbench/node-host-process.ts';

export type Harness = ReturnType<typeof createHarness>;

export function createHarness() {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
  const hosts: HostProcess[] = [];
  const startHost: StartHost = (kind, label) => {
    const host = startNodeHost(kind, label);
    hosts.push(host);
    return host;
  };
  const log: string[] = [];
  const workbench = createWorkbench({ sessionsDir: join(dir, 'sessions'), cwd: process.cwd(), startHost, log: (line) => log.push(line) });
  const targets = workbench.client.service(targetsContract);
  const sessions = workbench.client.service(sessionsContract);
  const session = async (id: string) => (await sessions.list({})).find((one) => one.id === id);
  const outputOf = async (sessionId: string) => (await sessions.output({ sessionId })).map(({ text }) => text).join('');

  return {
    dir,
    log,
    hosts,
    workbench,
    targets,
    sessions,
    session,
    outputOf,
    waitForOutput: (sessionId: string, text: string, timeout = 20_000) =>
      vi.waitFor(async () => expect(await outputOf(sessionId)).toContain(text), { timeout, interval: 50 }),
    waitForState: (sessionId: string, state: string, timeout = 15_000) =>
      vi.waitFor(async () => expect((await session(sessionId))?.state).toBe(state), { timeout, interval: 50 }),
    async dispose() {
      await workbench.dispose();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
