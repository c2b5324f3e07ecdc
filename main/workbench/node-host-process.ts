/** Worker processes under plain Node: `child_process.fork` with structured-clone messages. */
import { fork, type Serializable } from 'node:child_process';
import { createChannelCore } from '#shared/rpc/channel.ts';
import { hostEntry } from './app-root.ts';
import { HOST_HEAP_MB, type HostExit, type StartHost } from './host-process.ts';

const STDERR_TAIL_CHARS = 4_000;
const DEFAULT_GRACE_MS = 3_000;
/** A grandchild may hold the pipe open after the host has ended. */
const STDERR_DRAIN_MS = 500;

/** Environment variables that steer a Node process and are meant for the user's programs, not for our workers. */
const NOT_FOR_HOSTS = ['NODE_OPTIONS', 'NODE_CHANNEL_FD', 'NODE_V8_COVERAGE', 'ELECTRON_RUN_AS_NODE'];

export const startNodeHost: StartHost = (kind, label) => {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of NOT_FOR_HOSTS) delete env[name];

  const child = fork(hostEntry(kind), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // node:sqlite and type stripping announce themselves as experimental on stderr, which is for real trouble here.
    execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${HOST_HEAP_MB[kind]}`],
    env,
  });

  let stderrTail = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARS);
  });

  const core = createChannelCore(
    (message) => {
      if (child.connected) child.send(message as Serializable, () => undefined);
    },
    () => {
      if (child.connected) child.disconnect();
    },
  );
  child.on('message', (message) => core.receive(message));
  child.on('disconnect', () => core.closed(`the ${kind} host ended`));

  let exit: HostExit | null = null;
  const exitListeners = new Set<(exit: HostExit) => void>();
  function ended(code: number | null, signal: string | null): void {
    if (exit) return;
    exit = { code, signal, stderrTail };
    core.closed(`the ${kind} host ended`);
    for (const listener of [...exitListeners]) listener(exit);
    exitListeners.clear();
  }
  // `close` comes after stderr has been read to its end, so that the tail holds the reason.
  child.on('close', ended);
  // Node never emits `close` for a child whose channel the parent closed; then the end of stderr decides.
  child.on('exit', (code, signal) => {
    const now = () => ended(code, signal);
    if (!child.stderr || child.stderr.readableEnded) setImmediate(now);
    else child.stderr.once('end', now);
    setTimeout(now, STDERR_DRAIN_MS).unref();
  });
  child.on('error', (error) => {
    stderrTail = (stderrTail + error.message).slice(-STDERR_TAIL_CHARS);
    if (child.pid === undefined) ended(null, null);
  });

  return {
    kind,
    label,
    channel: core.channel,
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
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
        exitListeners.add(() => {
          clearTimeout(timer);
          resolve();
        });
        core.channel.close('stopped');
      });
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
};
