/**
 * Worker processes under Electron: utility processes. The channel is a pair of message ports of its own, so that
 * closing it (the request to undo everything and leave) is an event in the child, as a disconnect is under Node.
 */
import type { ForkOptions, MessageChannelMain, UtilityProcess } from 'electron';
import type { Readable } from 'node:stream';
import { hostEntry } from '#main/workbench/app-root.ts';
import { HOST_HEAP_MB, type HostExit, type StartHost } from '#main/workbench/host-process.ts';
import { portChannel } from './port-channel.ts';

const STDERR_TAIL_CHARS = 4_000;
const STDERR_WAIT_MS = 200;
const DEFAULT_GRACE_MS = 3_000;

/** Environment variables that steer a Node process and are meant for the user's programs, not for our workers. */
const NOT_FOR_HOSTS = ['NODE_OPTIONS', 'NODE_CHANNEL_FD', 'NODE_V8_COVERAGE', 'ELECTRON_RUN_AS_NODE'];

export interface UtilityHostParts {
  fork: (modulePath: string, args: string[], options: ForkOptions) => UtilityProcess;
  createMessageChannel: () => MessageChannelMain;
  entry?: typeof hostEntry;
}

/** Must be called after `ready`; Electron starts utility processes only then. */
export function createUtilityStartHost({ fork, createMessageChannel, entry = hostEntry }: UtilityHostParts): StartHost {
  return (kind, label) => {
    const env: NodeJS.ProcessEnv = { ...process.env };
    for (const name of NOT_FOR_HOSTS) delete env[name];

    const child = fork(entry(kind), [], {
      serviceName: `Heaphouse ${kind} host`,
      stdio: ['ignore', 'ignore', 'pipe'],
      execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${HOST_HEAP_MB[kind]}`],
      env: env as Record<string, string>,
    });
    const { port1, port2 } = createMessageChannel();
    const channel = portChannel(port1, `the ${kind} host ended`);
    child.postMessage({ type: 'heaphouse:channel' }, [port2]);

    let stderrTail = '';
    const keepTail = (text: string) => {
      stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARS);
    };
    const stderr = child.stderr as Readable | null;
    stderr?.setEncoding('utf8');
    stderr?.on('data', keepTail);

    let exit: HostExit | null = null;
    let fatal = '';
    const exitListeners = new Set<(exit: HostExit) => void>();
    child.on('error', (type, location, report) => {
      // V8 gave up, nearly always for want of heap. The report is a diagnostic of many kilobytes; its end says least.
      fatal = `${type} at ${location}\n${report}`.slice(0, STDERR_TAIL_CHARS);
    });
    const stderrRead = new Promise<void>((resolve) => {
      if (!stderr) resolve();
      else for (const event of ['end', 'close', 'error']) stderr.once(event, () => resolve());
    });
    child.on('exit', (code) => {
      channel.close(`the ${kind} host ended`);
      // The pipe may still hold the reason; it is not waited for long, a grandchild could keep it open.
      const late = new Promise<void>((resolve) => setTimeout(resolve, STDERR_WAIT_MS));
      void Promise.race([stderrRead, late]).then(() => ended(code));
    });
    function ended(code: number): void {
      if (exit) return;
      exit = { code, signal: null, stderrTail: fatal || stderrTail };
      for (const listener of [...exitListeners]) listener(exit);
      exitListeners.clear();
    }

    function kill(): void {
      if (exit) return;
      // UtilityProcess.kill is SIGTERM, which a busy host may not get to; the signal below is not for refusing.
      if (child.pid === undefined) child.kill();
      else {
        try {
          process.kill(child.pid, 'SIGKILL');
        } catch {
          child.kill();
        }
      }
    }

    return {
      kind,
      label,
      channel,
      get pid() {
        return child.pid;
      },
      onExit(listener) {
        if (exit) {
          listener(exit);
          return () => undefined;
        }
        exitListeners.add(listener);
        return () => exitListeners.delete(listener);
      },
      stop(graceMs = DEFAULT_GRACE_MS) {
        return new Promise((resolve) => {
          if (exit) {
            resolve();
            return;
          }
          const timer = setTimeout(kill, graceMs);
          exitListeners.add(() => {
            clearTimeout(timer);
            resolve();
          });
          channel.close('stopped');
        });
      },
      kill,
    };
  };
}
