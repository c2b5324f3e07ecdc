/** What a program is, told from its file name and its arguments alone. */
import { basename } from 'node:path';

export type ProgramKind = 'python' | 'node' | 'electron' | 'chromium' | 'unknown';

const NAMES: [RegExp, Exclude<ProgramKind, 'unknown'>][] = [
  [/^python(\d+(\.\d+)*)?[dmt]?(\.exe)?$/i, 'python'],
  [/^(node|nodejs)(\d+)?(\.exe)?$/i, 'node'],
  [/^electron(\d+)?(\.exe)?$/i, 'electron'],
  [/^(chromium|chromium-browser|chrome|chrome\.exe|google-chrome(-(stable|beta|unstable))?|headless_shell|chrome-headless-shell|msedge|microsoft-edge|brave|vivaldi-bin)$/i, 'chromium'],
];

/** Null where the name says nothing. */
export function programKind(path: string): Exclude<ProgramKind, 'unknown'> | null {
  const name = basename(path.replaceAll('\\', '/'));
  return NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/** Node.js scripts that only start other scripts; nobody wants to look at their heap. */
export const LAUNCHER_SCRIPT = /(^|[\\/])(npm|npx|yarn|yarnpkg|pnpm|pnpx|corepack)(-cli)?(\.[cm]?js)?$/;

/** Options of `python` that take the next argument. */
const PYTHON_VALUE_OPTIONS = new Set(['-W', '-X', '--check-hash-based-pycs']);
/** Options of `node` that take the next argument when it is not joined by `=`. */
const NODE_VALUE_OPTIONS = new Set([
  '-r', '--require', '--import', '-C', '--conditions', '--env-file', '--loader', '--experimental-loader', '--inspect-port', '--debug-port',
  '--title', '--icu-data-dir', '--openssl-config', '--redirect-warnings', '--trace-event-categories', '--input-type', '--test-name-pattern',
]);

/** Short name of what runs: the script, `-m module`, or the program. */
export function titleOf(kind: ProgramKind | 'v8', args: readonly string[]): string {
  const [program = '', ...rest] = args;
  const fallback = basename(program) || program;
  if (kind === 'python') return pythonTitle(rest) ?? fallback;
  if (kind === 'node') return nodeTitle(rest) ?? fallback;
  return fallback;
}

function pythonTitle(args: readonly string[]): string | null {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '-m') return args[i + 1] === undefined ? null : `-m ${args[i + 1]}`;
    if (arg === '-c') return multiprocessingTitle(args[i + 1] ?? '') ?? `-c ${shorten(args[i + 1] ?? '')}`;
    if (arg === '-') return null;
    if (PYTHON_VALUE_OPTIONS.has(arg)) i++;
    else if (!arg.startsWith('-')) return basename(arg);
  }
  return null;
}

/** What multiprocessing starts runs from the command line, each with other numbers in it. */
function multiprocessingTitle(source: string): string | null {
  const part = /^from multiprocessing\.(spawn|forkserver|resource_tracker|semaphore_tracker) import/.exec(source)?.[1];
  if (part === undefined) return null;
  return `multiprocessing ${part === 'spawn' ? 'worker' : part.replace('_', ' ')}`;
}

function nodeTitle(args: readonly string[]): string | null {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '-e' || arg === '--eval' || arg === '-p' || arg === '--print' || arg === '-pe') return `-e ${shorten(args[i + 1] ?? '')}`;
    if (arg === '-') return null;
    if (NODE_VALUE_OPTIONS.has(arg)) i++;
    else if (!arg.startsWith('-')) return basename(arg);
  }
  return null;
}

function shorten(code: string): string {
  const line = code.trim().replace(/\s+/g, ' ');
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

/** Options the runtime itself reads: those before the script. */
export function runtimeOptions(kind: 'python' | 'node', args: readonly string[]): string[] {
  const valueOptions = kind === 'python' ? PYTHON_VALUE_OPTIONS : NODE_VALUE_OPTIONS;
  const options: string[] = [];
  for (let i = 1; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('-') || arg === '-' || arg === '--') break;
    options.push(arg);
    if (kind === 'python' && (arg === '-m' || arg === '-c')) break;
    if (valueOptions.has(arg)) {
      i++;
      options.push(args[i] ?? '');
    }
  }
  return options;
}

/** A port given by `--inspect…`, `--debug-port` or `--remote-debugging-port`; 0 where the system chooses; null: none asked for. */
export function requestedPort(args: readonly string[]): number | null {
  for (const arg of args.slice(1)) {
    const match = /^--(?:inspect(?:-brk|-wait)?|remote-debugging-port)(?:=(?:.*:)?(\d+))?$/.exec(arg);
    if (match) return match[1] === undefined ? 9229 : Number(match[1]);
  }
  return null;
}
