/** Opens the inspector of a running Node.js, or finds the one that is open. */
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import type { ProcessFacts, SystemFacts } from '../facts.ts';
import { readProcessFacts } from '../facts.ts';
import { readTargets, readVersion } from '../devtools-http.ts';
import { pickTarget } from '../devtools-target.ts';
import { judge, refusal, stopper } from '../preflight.ts';
import { isAlive, readListeningPorts } from '../proc/read.ts';
import { step } from '../types.ts';
import { closeInspector } from './close-inspector.ts';
import { moveInspector } from './move-inspector.ts';
import type { TargetOptions } from '../types.ts';

export interface NodeEntry {
  webSocketUrl: string;
  port: number;
  /** We opened it. */
  opened: boolean;
  /** Closes what we opened, if it is still open. */
  cleanUp(): Promise<void>;
}

/** It listens within 25 ms; a main thread in a synchronous native call takes until the call returns. */
const OPEN_TIMEOUT_MS = 5_000;
const UNDO_TIMEOUT_MS = 500;
const POLL_MS = 20;

export async function enterNode(facts: ProcessFacts, system: SystemFacts, options: TargetOptions): Promise<NodeEntry> {
  if (facts.openPort !== null) {
    const url = await urlOf(facts.openPort, options.signal).catch((error: unknown) => {
      if (error instanceof HeaphouseError && error.code === 'unsupported') return null;
      throw error;
    });
    if (url !== null) return { webSocketUrl: url, port: facts.openPort, opened: false, cleanUp: () => Promise.resolve() };
    // Something else of the program listens there; then the inspector is not open.
  }
  // Looked at again at the last moment: the signal ends a process that has no handler for it.
  const now = await readProcessFacts(facts.pid, system);
  if (now === null || now.startTicks !== facts.startTicks) throw new HeaphouseError('target-gone', `Process ${facts.pid} has ended.`);
  const problem = stopper(judge({ ...now, openPort: null }, system));
  if (problem) throw refusal(problem);
  const before = new Set((await readListeningPorts(facts.pid)).map((socket) => socket.port));
  step(options, 'Asking Node.js to open its inspector', 1, 3);
  try {
    process.kill(facts.pid, 'SIGUSR1');
  } catch (error) {
    throw new HeaphouseError('permission', `Process ${facts.pid} cannot be sent a signal.`, { advice: 'Run Heaphouse as the user of that process, or as root.', detail: String(error) });
  }
  try {
    const port = await waitForPort(facts.pid, now.inspectorPort, before, OPEN_TIMEOUT_MS, options.signal);
    const url = await urlOf(port, options.signal);
    if (url === null) throw new HeaphouseError('unsupported', `The inspector of process ${facts.pid} names no target.`, { advice: 'Try again.' });
    const entry = (await moveInspector(facts.pid, url)) ?? { port, webSocketUrl: url };
    return { ...entry, opened: true, cleanUp: () => closeInspector(facts.pid, entry.port, entry.webSocketUrl) };
  } catch (error) {
    await undo(facts.pid, now.inspectorPort, before);
    throw error;
  }
}

/** The signal is out: a port that opens now would stay open with nobody to close it. */
async function undo(pid: number, expected: number, before: ReadonlySet<number>): Promise<void> {
  try {
    const port = await waitForPort(pid, expected, before, UNDO_TIMEOUT_MS, undefined);
    const url = await urlOf(port, undefined);
    if (url !== null) await closeInspector(pid, port, url);
  } catch {
    // It did not open; there is nothing to close.
  }
}

async function waitForPort(pid: number, expected: number, before: ReadonlySet<number>, timeoutMs: number, signal: AbortSignal | undefined): Promise<number> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (signal?.aborted) throw cancelledError();
    // The sockets of this very process: another Node.js may have taken the port at the same moment.
    const sockets = await readListeningPorts(pid);
    const found = sockets.find((socket) => !before.has(socket.port) && socket.loopbackOnly && (expected === 0 || socket.port === expected));
    if (found) return found.port;
    if (!(await isAlive(pid))) throw new HeaphouseError('target-gone', `Process ${pid} ended when it was asked to open its inspector.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new HeaphouseError('timeout', `Process ${pid} has not opened its inspector within ${timeoutMs / 1_000} s.`, {
    advice: 'Usually the program has a SIGUSR1 handler of its own, or its main thread is in a long native call. Start it with --inspect=127.0.0.1:0, or launch it from Heaphouse.',
  });
}

async function urlOf(port: number, signal: AbortSignal | undefined): Promise<string | null> {
  await readVersion('127.0.0.1', port, { signal });
  return pickTarget(await readTargets('127.0.0.1', port, { signal }))?.webSocketUrl ?? null;
}
