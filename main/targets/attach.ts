/** Reaches into a process that runs already, after the checks of the preflight. */
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import type { PreflightProblem, Receipt, TargetKind } from '#shared/model/target.ts';
import { enterBrowser } from './attach/chromium.ts';
import { enterNode } from './attach/node.ts';
import { enterPython } from './attach/python.ts';
import { readProcessFacts, readSystemFacts } from './facts.ts';
import type { ProcessFacts, SystemFacts } from './facts.ts';
import { judge, notThisSystem, refusal, stopper } from './preflight.ts';
import { readCwd } from './proc/read.ts';
import { readReports } from './rendezvous.ts';
import { watchProcess } from './watch-process.ts';
import { MAX_COMMAND_LINE_CHARS, step } from './types.ts';
import type { AttachedTarget, TargetOptions } from './types.ts';

/** What entering gave, whichever way. */
interface Entered {
  webSocketUrl: string;
  kind: TargetKind;
  runtime: string;
  title: string;
  opened: boolean;
  pauseMs: number | null;
  notes: string[];
  cleanUp(): Promise<void>;
}

const underWay = new Set<number>();

/**
 * Attaches to a process of this machine. Throws `not-found` (no such process), `permission`, `missing-part` (neither injector nor gdb),
 * `unsupported`, `busy` (an attach to it is under way, or it has another debugger), `timeout`, `target-gone`,
 * `cancelled`. After a throw the target runs on as before.
 */
export async function attachProcess(pid: number, options: TargetOptions): Promise<AttachedTarget> {
  if (options.signal?.aborted) throw cancelledError();
  if (process.platform !== 'linux') throw refusal(notThisSystem().problems[0] as PreflightProblem);
  if (pid === process.pid) throw new HeaphouseError('invalid-argument', 'Heaphouse cannot attach to itself.');
  if (underWay.has(pid)) throw new HeaphouseError('busy', `Attaching to process ${pid} is under way already.`, { advice: 'Wait for it, or cancel it.' });
  underWay.add(pid);
  try {
    return await attach(pid, options);
  } finally {
    underWay.delete(pid);
  }
}

async function attach(pid: number, options: TargetOptions): Promise<AttachedTarget> {
  const at = Date.now();
  const begun = performance.now();
  step(options, 'Checking', 0, 3);
  const system = await readSystemFacts(options.agentDir);
  const facts = await readProcessFacts(pid, system);
  if (facts === null) throw new HeaphouseError('not-found', `There is no process ${pid}.`, { advice: 'It has ended. Look at the list again.' });
  const check = judge(facts, system);
  const problem = stopper(check);
  if (problem) throw refusal(problem);
  const entered = await enter(facts, system, options);
  const receipt: Receipt = {
    action: 'attach',
    at,
    pauseMs: entered.pauseMs,
    elapsedMs: Math.round(performance.now() - begun),
    bytes: null,
    notes: [...entered.notes, ...check.problems.map((each) => each.message)].slice(0, 5),
  };
  step(options, 'Attached', 3, 3);
  return {
    pid,
    kind: entered.kind,
    runtime: entered.runtime,
    title: entered.title,
    commandLine: facts.argv.join(' ').slice(0, MAX_COMMAND_LINE_CHARS),
    cwd: await readCwd(pid),
    capture: { kind: entered.kind, pid, webSocketUrl: entered.webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: entered.opened },
    receipt,
    ...exitOf(pid, entered),
  };
}

async function enter(facts: ProcessFacts, system: SystemFacts, options: TargetOptions): Promise<Entered> {
  const { pid, identity } = facts;
  const about = { kind: identity?.kind ?? 'v8', runtime: identity?.runtime ?? '', title: identity?.title ?? '', opened: false, pauseMs: null, notes: [], cleanUp: () => Promise.resolve() };
  if (facts.rendezvous !== null) {
    for (const entry of await readReports(facts.rendezvous)) {
      if ('report' in entry && entry.pid === pid) return { ...about, webSocketUrl: entry.report.webSocketUrl, notes: ['it was launched from Heaphouse; nothing had to be started in it'] };
    }
  }
  if (about.kind === 'python') {
    const { report, pauseMs, notes, cleanUp } = await enterPython(facts, system, options);
    return { ...about, runtime: report.pythonVersion === undefined ? about.runtime : `CPython ${report.pythonVersion}`, webSocketUrl: report.webSocketUrl, pauseMs, notes, cleanUp };
  }
  if (about.kind === 'node') {
    const { webSocketUrl, port, opened, cleanUp } = await enterNode(facts, system, options);
    return { ...about, webSocketUrl, opened, cleanUp, notes: [opened ? `opened its inspector on port ${port} by SIGUSR1` : `its inspector was open on port ${port}`] };
  }
  if (facts.openPort === null) throw new HeaphouseError('unsupported', `Process ${pid} has no debugging port open.`);
  const { webSocketUrl, runtime, title } = await enterBrowser(pid, facts.openPort, options.signal);
  return { ...about, webSocketUrl, runtime, title: title || about.title, notes: [`through its debugging port ${facts.openPort}`] };
}

function exitOf(pid: number, entered: Entered): Pick<AttachedTarget, 'onExit' | 'dispose'> {
  const listeners = new Set<Parameters<AttachedTarget['onExit']>[0]>();
  let gone = false;
  const stop = watchProcess(pid, () => {
    gone = true;
    for (const listener of [...listeners]) listener({ code: null, signal: null });
    listeners.clear();
  });
  return {
    onExit(listener) {
      if (gone) listener({ code: null, signal: null });
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async dispose() {
      stop();
      listeners.clear();
      await entered.cleanUp();
    },
  };
}
