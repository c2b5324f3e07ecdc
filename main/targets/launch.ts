/** Starts a program so that its heap can be looked into from the first line. */
import { resolve } from 'node:path';
import type { LaunchRequest } from '#shared/contracts/targets.ts';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import { findAgentDir } from './agent-dir.ts';
import { pickTarget } from './devtools-target.ts';
import { describeBrowser, readTargets, readVersion } from './devtools-http.ts';
import { explainExit } from './exit-meaning.ts';
import { chromiumArguments, electronArguments, readActivePort } from './launch/chromium.ts';
import { allocatorEnvironment } from './launch/allocators.ts';
import type { Child } from './launch/child.ts';
import { startChild } from './launch/child.ts';
import { nodeEnvironment } from './launch/node.ts';
import { optionThatHidesAgent, pythonEnvironment } from './launch/python.ts';
import type { ResolvedCommand } from './launch/resolve-command.ts';
import { resolveCommand } from './launch/resolve-command.ts';
import { findListeningPid, isAlive, readCmdline, readCwd, readDescendants } from './proc/read.ts';
import { createRendezvous, readReports, removeRendezvous, watchFolder } from './rendezvous.ts';
import { LAUNCHER_SCRIPT, runtimeOptions, titleOf } from './runtime/program-kind.ts';
import { watchProcess } from './watch-process.ts';
import { MAX_COMMAND_LINE_CHARS, step } from './types.ts';
import type { LaunchedTarget, TargetExit, TargetOptions } from './types.ts';

/** How long a program may run without any runtime having reported. */
const REPORT_TIMEOUT_MS = 15_000;
const MARKER = 'HEAPHOUSE_LAUNCH';

export interface LaunchOptions extends TargetOptions {
  /** Default 15,000. */
  timeoutMs?: number;
}

/** Where the first runtime that reported listens. */
interface Found {
  pid: number;
  kind: TargetKind;
  runtime: string;
  webSocketUrl: string;
  waitsForDebugger: boolean;
}

/**
 * Starts `request.command` and waits for the first Python, Node.js, Electron or Chromium in it to report.
 * Throws `not-found`, `permission`, `invalid-argument` (the command, the folder or the allocator), `target-gone` (it ended before a
 * runtime reported), `unsupported` (the runtime refuses), `timeout` (no runtime reported), `cancelled`. After a throw
 * nothing of the command is left.
 */
export async function launchTarget(request: LaunchRequest, options: LaunchOptions): Promise<LaunchedTarget> {
  if (options.signal?.aborted) throw cancelledError();
  const cwd = resolve(request.cwd ?? process.cwd());
  const pauseAtStart = request.pauseAtStart ?? true;
  const ownEnv = targetEnvironment(request.env ?? {});
  step(options, 'Looking for the command', 0, 3);
  const command = await resolveCommand(request.command, cwd, ownEnv);
  const baseEnv = await allocatorEnvironment(request, command, cwd, ownEnv);
  const agentDir = await findAgentDir(options.agentDir);
  const rendezvous = await createRendezvous(options.rendezvousDir, 'launch');
  try {
    return await launchInto(rendezvous, { request, options, cwd, pauseAtStart, baseEnv, command, agentDir });
  } catch (error) {
    await removeRendezvous(rendezvous);
    throw error;
  }
}

interface Plan {
  request: LaunchRequest;
  options: LaunchOptions;
  cwd: string;
  pauseAtStart: boolean;
  baseEnv: NodeJS.ProcessEnv;
  command: ResolvedCommand;
  agentDir: string;
}

async function launchInto(rendezvous: string, plan: Plan): Promise<LaunchedTarget> {
  const { request, options, cwd, pauseAtStart, command } = plan;
  let env = pythonEnvironment(plan.baseEnv, plan.agentDir, rendezvous, pauseAtStart);
  let args: string[] = [...request.args];
  let userDataDir: string | null = null;
  if (command.kind === 'electron') {
    args = electronArguments(args, pauseAtStart);
  } else {
    env = await nodeEnvironment(env, rendezvous, pauseAtStart);
    if (command.kind === 'chromium') ({ args, userDataDir } = await chromiumArguments(args, rendezvous));
  }
  step(options, 'Starting the program', 1, 3);
  const printedUrls: string[] = [];
  const child = await startChild({
    path: command.path,
    args,
    cwd,
    env: { ...env, [MARKER]: rendezvous },
    marker: { name: MARKER, value: rendezvous },
    onDebuggerUrl: (url) => {
      if (printedUrls.length < 100) printedUrls.push(url);
    },
  });
  try {
    step(options, 'Waiting for the runtime', 2, 3);
    const found = await waitForRuntime(child, rendezvous, userDataDir, printedUrls, plan);
    const described = await describe(found, child, plan);
    step(options, 'Running', 3, 3);
    return launchedTarget(child, rendezvous, described);
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** Our own environment without what is ours, with what the request adds and takes out. */
function targetEnvironment(changes: Record<string, string | null>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of Object.keys(env)) if (name.startsWith('HEAPHOUSE_')) delete env[name];
  // Set for our own worker processes when the workbench itself runs in Electron.
  if (process.versions['electron'] !== undefined) delete env['ELECTRON_RUN_AS_NODE'];
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete env[name];
    else env[name] = value;
  }
  return env;
}

async function waitForRuntime(child: Child, rendezvous: string, userDataDir: string | null, printedUrls: string[], plan: Plan): Promise<Found> {
  const timeoutMs = plan.options.timeoutMs ?? REPORT_TIMEOUT_MS;
  const exited = { seen: false };
  child.onExit(() => {
    exited.seen = true;
  });
  async function look(): Promise<Found | null> {
    const ended = exited.seen;
    const report = await lookAtReports(rendezvous, plan);
    if (report) return report;
    const devtools = await lookAtDevTools(child, userDataDir, printedUrls, plan);
    if (devtools) return devtools;
    // Asked before the folder was read, so that a report written just before the end is not missed.
    if (ended && (await child.remaining()).length === 0) throw endedEarly(child, plan);
    return null;
  }
  const found = await watchFolder(rendezvous, look, Date.now() + timeoutMs, plan.options.signal);
  if (found) {
    if (!(await isAlive(found.pid))) throw endedEarly(child, plan);
    return found;
  }
  throw noRuntime(child, timeoutMs, plan);
}

async function lookAtReports(rendezvous: string, plan: Plan): Promise<Found | null> {
  let failure: HeaphouseError | null = null;
  for (const entry of await readReports(rendezvous)) {
    if ('error' in entry) {
      failure = new HeaphouseError('unsupported', `The program runs, but Heaphouse cannot look into it: ${entry.error}`, {
        advice: 'Heaphouse supports CPython 3.8 to 3.15 and Node.js with its inspector.',
        detail: entry.detail,
      });
      continue;
    }
    const { report } = entry;
    const isPython = report.pythonVersion !== undefined;
    return {
      pid: report.pid,
      kind: isPython ? 'python' : report.electronVersion ? 'electron' : 'node',
      runtime: isPython ? `CPython ${report.pythonVersion}` : report.electronVersion ? `Electron ${report.electronVersion}` : `Node.js v${report.nodeVersion ?? ''}`,
      webSocketUrl: report.webSocketUrl,
      waitsForDebugger: plan.pauseAtStart,
    };
  }
  if (failure) throw failure;
  return null;
}

/** A browser's port file, or an address that was printed: `--inspect-brk` in the user's own arguments, Electron, Chromium. */
async function lookAtDevTools(child: Child, userDataDir: string | null, printedUrls: string[], plan: Plan): Promise<Found | null> {
  const active = userDataDir === null ? null : await readActivePort(userDataDir);
  const ports = active ? [active.port] : printedUrls.map((url) => Number(new URL(url).port));
  for (const port of ports) {
    const found = await describeEndpoint(child, port, plan).catch(() => null);
    if (found) return found;
  }
  return null;
}

async function describeEndpoint(child: Child, port: number, plan: Plan): Promise<Found | null> {
  const version = await readVersion('127.0.0.1', port, { timeoutMs: 1_000 });
  const target = pickTarget(await readTargets('127.0.0.1', port, { timeoutMs: 1_000 }));
  if (!target?.webSocketUrl) return null;
  const about = describeBrowser(version.browser);
  const kind = about.kind === 'node' && plan.command.kind === 'electron' ? 'electron' : about.kind;
  // Whoever listens must be ours: a port file may be left from an earlier browser, and its port taken by anybody.
  const listener = await findListeningPid(port, [child.pid, ...(await readDescendants(child.pid))]);
  if (listener === null && process.platform === 'linux') return null;
  // The page's heap is wanted, but Chromium's own process is what can be watched for its end.
  const pid = kind === 'chromium' ? child.pid : (listener ?? child.pid);
  const argv = await readCmdline(pid);
  if (LAUNCHER_SCRIPT.test(argv[1] ?? '')) return null;
  // Without a pause of ours the preload is about to report this process; its own report is better.
  const waits = argv.some((arg) => /^--inspect-(brk|wait)/.test(arg));
  if (kind === 'node' && !waits) return null;
  return { pid, ...about, kind, webSocketUrl: target.webSocketUrl, waitsForDebugger: waits };
}

async function describe(found: Found, child: Child, plan: Plan) {
  const typed = [plan.request.command, ...plan.request.args];
  const argv = found.pid === child.pid ? typed : await readCmdline(found.pid);
  return {
    pid: found.pid,
    commandPid: child.pid,
    kind: found.kind,
    runtime: found.runtime,
    title: titleOf(found.kind, argv.length > 0 ? argv : typed),
    commandLine: typed.join(' ').slice(0, MAX_COMMAND_LINE_CHARS),
    cwd: (await readCwd(found.pid)) ?? plan.cwd,
    capture: {
      kind: found.kind,
      pid: found.pid,
      webSocketUrl: found.webSocketUrl,
      waitsForDebugger: found.waitsForDebugger,
      closeInspectorOnDetach: false,
      ...(plan.request.allocationStacks ? { allocationStacks: true } : {}),
    },
  };
}

function launchedTarget(child: Child, rendezvous: string, described: Awaited<ReturnType<typeof describe>>): LaunchedTarget {
  const exit = described.pid === child.pid ? child.onExit : exitOfDescendant(child, described.pid);
  return {
    ...described,
    onOutput: child.onOutput,
    onExit: exit,
    lastOutput: child.lastOutput,
    terminate: child.terminate,
    kill: child.kill,
    async dispose() {
      await child.kill();
      await removeRendezvous(rendezvous);
    },
  };
}

/** The end of a process that the command started; the command usually ends right after and passes its code on. */
function exitOfDescendant(child: Child, pid: number): LaunchedTarget['onExit'] {
  const WRAPPER_END_MS = 2_000;
  const gone = new Promise<TargetExit>((resolve) => {
    watchProcess(pid, () => {
      const ended = child.exit();
      if (ended) return resolve(ended);
      const timer = setTimeout(() => resolve({ code: null, signal: null }), WRAPPER_END_MS);
      child.onExit((exit) => {
        clearTimeout(timer);
        resolve(exit);
      });
    });
  });
  return (listener) => {
    let active = true;
    void gone.then((exit) => {
      if (active) listener(exit);
    });
    return () => {
      active = false;
    };
  };
}

function endedEarly(child: Child, plan: Plan): HeaphouseError {
  const exit = child.exit() ?? { code: null, signal: null };
  const meaning = explainExit(exit.code, exit.signal);
  return new HeaphouseError('target-gone', `The program ended before Heaphouse could look into it: ${meaning.headline}.`, {
    advice: `${meaning.explanation} ${hint(plan) ?? 'Its last output is below.'}`.trim(),
    detail: child.lastOutput().trim() === '' ? 'It printed nothing.' : child.lastOutput(),
  });
}

function noRuntime(child: Child, timeoutMs: number, plan: Plan): HeaphouseError {
  return new HeaphouseError('timeout', `The program runs, but no Python or Node.js in it has reported within ${timeoutMs / 1_000} s.`, {
    advice: `${hint(plan) ?? 'Heaphouse looks into CPython 3.8 to 3.15, Node.js, Electron and Chromium. If one of them is started later or with a clean environment, start the program yourself and attach to it.'} The program was ended.`,
    detail: child.lastOutput(),
  });
}

/** What in the command keeps a runtime from reporting. */
function hint(plan: Plan): string | null {
  const argv = [plan.request.command, ...plan.request.args];
  if (plan.command.kind === 'python' && !plan.command.wrapper) {
    const option = optionThatHidesAgent(runtimeOptions('python', argv));
    if (option) return `Python's option ${option} switches off what Heaphouse starts with: leave it out, or start the program yourself and attach to it.`;
  }
  return null;
}
