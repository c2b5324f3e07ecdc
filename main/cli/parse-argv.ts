/** The command line of all hosts: pure, so that Electron, web host and CLI understand the same words alike. */
import { DEFAULT_SAMPLING_INTERVAL } from '#shared/model/allocations.ts';
import { GATE_GRAMMAR, parseGate } from './gates.ts';
import { COMMANDS, type CommandName, type Invocation, type LaunchChoices, type ParseResult } from './invocation.ts';
import { editDistanceIsSmall, splitArguments, UsageError, type OptionSpec, type SplitArguments } from './options.ts';

const flag = (name: string, alias?: string): OptionSpec => ({ name, takesValue: false, ...(alias ? { alias } : {}) });
const value = (name: string, alias?: string): OptionSpec => ({ name, takesValue: true, ...(alias ? { alias } : {}) });
const EVERYWHERE = [flag('--help', '-h'), flag('--version', '-V')];
const OPEN = [value('--attach'), value('--connect'), value('--pythonmalloc'), value('--preload')];
const FAIL_ON: OptionSpec = { name: '--fail-on', takesValue: true, repeatable: true };

const ALLOCATIONS: OptionSpec = { name: '--allocations', takesValue: true, optionalValue: /^\d+$/ };

const OPTIONS: Record<CommandName, OptionSpec[]> = {
  open: OPEN,
  serve: [...OPEN, value('--port')],
  record: [...OPEN, value('--snapshot-at'), value('--duration'), ALLOCATIONS, flag('--allocation-stacks'), value('--out', '-o'), value('--top'), FAIL_ON, flag('--quiet', '-q')],
  snapshot: [value('--out', '-o'), flag('--quiet', '-q')],
  summary: [value('--top'), value('--format'), flag('--quiet', '-q')],
  retainers: [value('--class'), value('--top'), value('--paths'), value('--format'), flag('--quiet', '-q')],
  compare: [value('--format'), value('--out', '-o'), value('--top'), FAIL_ON, flag('--no-values'), flag('--quiet', '-q')],
  session: [value('--out', '-o'), value('--format'), flag('--yes', '-y'), flag('--quiet', '-q')],
  query: [value('--base'), value('--file', '-f'), value('--format'), flag('--json'), flag('--csv'), value('--limit'), flag('--quiet', '-q')],
};

export const DEFAULT_DURATION_SECONDS = 15;
/** Where in the duration the snapshots are taken unless said otherwise: after warming up, and near the end. */
export const DEFAULT_SNAPSHOT_SHARES = [0.2, 0.8] as const;
export const DEFAULT_TOP = 20;
export const DEFAULT_RETAINERS_TOP = 10;
export const DEFAULT_PATHS = 3;
export const DEFAULT_QUERY_LIMIT = 10_000;
const MAX_QUERY_LIMIT = 1_000_000;
const MAX_SECONDS = 7 * 24 * 3600;
const MAX_SNAPSHOTS = 100;
/** The contract takes up to 1 GiB. */
const MAX_ALLOCATIONS_KIB = 1_048_576;
const MAX_TOP = 1_000_000;
/** The largest pid a kernel gives out. */
const MAX_PID = 4_194_304;

/** `argv` without the program and its script. Never throws, never exits. */
export function parseArgv(argv: readonly string[]): ParseResult {
  let topic: CommandName | null = null;
  try {
    const own = argv.indexOf('--');
    const head = own < 0 ? argv : argv.slice(0, own);
    const at = head.findIndex((argument) => !argument.startsWith('-'));
    const word = at < 0 ? undefined : head[at];
    if (word === 'help') return { ok: true, invocation: helpFor(head[at + 1]) };
    // An option before the word makes it an operand of that option, or a file: `--attach 12 summary`.
    const named = word !== undefined && head.slice(0, at).every(isIgnorable) ? COMMANDS.find((name) => name === word && name !== 'open') : undefined;
    const command = named ?? 'open';
    topic = named ?? null;
    const rest = named ? [...argv.slice(0, at), ...argv.slice(at + 1)] : argv;
    const split = splitArguments(rest, [...EVERYWHERE, ...OPTIONS[command]]);
    if (split.options.has('help')) return { ok: true, invocation: { command: 'help', topic } };
    if (split.options.has('version')) return { ok: true, invocation: { command: 'version' } };
    return { ok: true, invocation: build(command, split) };
  } catch (error) {
    if (error instanceof UsageError) return { ok: false, message: error.message, topic };
    throw error;
  }
}

function isIgnorable(argument: string): boolean {
  return argument.startsWith('-') && !['--attach', '--connect', '--port'].includes(argument);
}

function helpFor(word: string | undefined): Invocation {
  const topic = COMMANDS.find((name) => name === word) ?? null;
  if (word !== undefined && topic === null) throw new UsageError(`There is no command "${word}".`);
  return { command: 'help', topic };
}

function build(command: CommandName, split: SplitArguments): Invocation {
  if (command !== 'open' && command !== 'serve' && command !== 'record') noRest(split, command);
  switch (command) {
    case 'open':
    case 'serve':
      return buildOpen(command, split);
    case 'record':
      return buildRecord(split);
    case 'snapshot': {
      const [target] = operands(split, ['PID or ws://… address']);
      return { command, target: parseTarget(target!), out: required(split, 'out', 'FILE'), quiet: split.options.has('quiet') };
    }
    case 'session':
      return buildSession(split);
    case 'summary': {
      const [file] = operands(split, ['FILE']);
      return { command, file: file!, top: top(split), format: format(split, ['table', 'json']), quiet: split.options.has('quiet') };
    }
    case 'retainers': {
      const [file] = operands(split, ['FILE']);
      return {
        command,
        file: file!,
        className: required(split, 'class', 'NAME'),
        top: top(split) ?? DEFAULT_RETAINERS_TOP,
        paths: wholeNumber(split, 'paths', 1, 100) ?? DEFAULT_PATHS,
        format: format(split, ['table', 'json']),
        quiet: split.options.has('quiet'),
      };
    }
    case 'query':
      return buildQuery(split);
    case 'compare': {
      const [base, compared] = operands(split, ['BASE', 'COMPARED']);
      const out = one(split, 'out');
      return {
        command,
        base: base!,
        compared: compared!,
        format: compareFormat(split, out),
        out,
        failOn: gates(split),
        top: top(split) ?? DEFAULT_TOP,
        includeValues: !split.options.has('no-values'),
        quiet: split.options.has('quiet'),
      };
    }
  }
}

function buildQuery(split: SplitArguments): Invocation {
  const sqlFile = one(split, 'file');
  const [file, sql] = operands(split, sqlFile === null ? ['FILE', 'STATEMENT'] : ['FILE']);
  const shorts = (['json', 'csv'] as const).filter((name) => split.options.has(name));
  if (shorts.length + (split.options.has('format') ? 1 : 0) > 1) throw new UsageError('Give only one of --format, --json and --csv.');
  return {
    command: 'query',
    file: file!,
    base: one(split, 'base'),
    sql: sqlFile === null ? sql! : null,
    sqlFile,
    format: shorts[0] ?? format(split, ['table', 'json', 'csv']),
    limit: wholeNumber(split, 'limit', 1, MAX_QUERY_LIMIT) ?? DEFAULT_QUERY_LIMIT,
    quiet: split.options.has('quiet'),
  };
}

const SESSION_ACTIONS = ['list', 'export', 'import', 'rename', 'delete'] as const;
const MAX_TITLE_CHARS = 200;

function buildSession(split: SplitArguments): Invocation {
  const [word, ...rest] = split.operands;
  if (word === undefined) throw new UsageError(`session: say what to do: ${SESSION_ACTIONS.join(', ')}.`);
  const action = SESSION_ACTIONS.find((name) => name === word);
  if (!action) throw new UsageError(`session: "${word}" is not one of ${SESSION_ACTIONS.join(', ')}.`);
  const allowed = { list: 'format', export: 'out', import: 'out', rename: null, delete: 'yes' }[action];
  for (const name of ['out', 'format', 'yes']) {
    if (split.options.has(name) && name !== allowed) throw new UsageError(`session ${action} has no option --${name}.`);
  }
  const names = { list: [], export: ['SESSION'], import: ['FILE'], rename: ['SESSION', 'TITLE'], delete: ['SESSION'] }[action];
  const [first, title] = operands({ ...split, operands: rest }, names);
  const more = { command: 'session' as const, quiet: split.options.has('quiet') };
  switch (action) {
    case 'list':
      return { ...more, action, format: format(split, ['table', 'json']) };
    case 'export':
      return { ...more, action, session: first!, out: one(split, 'out') };
    case 'import':
      return { ...more, action, file: first!, out: one(split, 'out') };
    case 'rename': {
      const trimmed = title!.trim();
      if (trimmed === '' || trimmed.length > MAX_TITLE_CHARS) throw new UsageError(`session rename: a title has 1 to ${MAX_TITLE_CHARS} characters.`);
      return { ...more, action, session: first!, title: trimmed };
    }
    case 'delete':
      return { ...more, action, session: first!, yes: split.options.has('yes') };
  }
}

function buildOpen(command: 'open' | 'serve', split: SplitArguments): Invocation {
  const files = split.operands;
  const [first] = files;
  if (files.length === 1 && first !== undefined && /^[a-z]+$/.test(first)) {
    const meant = COMMANDS.find((name) => name !== 'open' && editDistanceIsSmall(name, first));
    if (meant) throw new UsageError(`There is no command "${first}". Did you mean ${meant}? For a file of that name write ./${first}.`);
  }
  const ways = origin(split);
  return { command, files, ...ways, port: wholeNumber(split, 'port', 0, 65_535) };
}

function origin(split: SplitArguments): LaunchChoices & { attachPid: number | null; connectUrl: string | null; launch: string[] | null } {
  const attach = one(split, 'attach');
  const connectUrl = one(split, 'connect');
  const launch = split.rest;
  if (launch?.length === 0) throw new UsageError('There is no command after --.');
  if (launch?.[0] === '') throw new UsageError('The command after -- is empty.');
  const given = [attach !== null && '--attach', connectUrl !== null && '--connect', launch !== null && 'a command after --'].filter(Boolean);
  if (given.length > 1) throw new UsageError(`Give only one of ${given.join(' and ')}.`);
  if (connectUrl !== null && !isTargetUrl(connectUrl)) throw new UsageError(`--connect: "${connectUrl}" is not a ws:// or http:// address.`);
  return { attachPid: attach === null ? null : parsePid(attach, '--attach'), connectUrl, launch, ...launchChoices(split) };
}

function launchChoices(split: SplitArguments): LaunchChoices {
  const pythonMalloc = one(split, 'pythonmalloc');
  const preload = one(split, 'preload');
  const [first] = [pythonMalloc !== null && '--pythonmalloc', preload !== null && '--preload'].filter(Boolean);
  if (first && split.rest === null) throw new UsageError(`${first} is for a program that is started: give its command after --.`);
  if (pythonMalloc !== null && !/^[a-z_]{1,40}$/.test(pythonMalloc)) throw new UsageError(`--pythonmalloc: "${pythonMalloc}" is not a value of PYTHONMALLOC, such as malloc or pymalloc_debug.`);
  return { pythonMalloc, preload };
}

function buildRecord(split: SplitArguments): Invocation {
  if (split.operands.length > 0) throw new UsageError(`record: what is "${split.operands[0]}"? A command goes after --, as in: record -- ${split.operands[0]}`);
  const ways = origin(split);
  if (ways.attachPid === null && ways.connectUrl === null && ways.launch === null) {
    throw new UsageError('record: say what to record: --attach PID, --connect ws://… or -- COMMAND ARGS…');
  }
  const given = one(split, 'snapshot-at')?.split(',').map((text) => seconds(text, '--snapshot-at'));
  const wanted = one(split, 'duration');
  const durationSeconds = wanted === null ? (given ? Math.max(...given) : DEFAULT_DURATION_SECONDS) : seconds(wanted, '--duration');
  if (durationSeconds <= 0) throw new UsageError('--duration must be more than 0 seconds.');
  const snapshotAtSeconds = given ?? DEFAULT_SNAPSHOT_SHARES.map((share) => share * durationSeconds);
  snapshotAtSeconds.sort((a, b) => a - b);
  if (snapshotAtSeconds.length > MAX_SNAPSHOTS) throw new UsageError(`--snapshot-at: at most ${MAX_SNAPSHOTS} snapshots.`);
  const late = snapshotAtSeconds.find((at) => at > durationSeconds);
  if (late !== undefined) throw new UsageError(`--snapshot-at ${late} lies after the end of --duration ${durationSeconds}.`);
  const failOn = gates(split);
  if (failOn.length > 0 && snapshotAtSeconds.length < 2) throw new UsageError('--fail-on needs at least two snapshots to compare.');
  return {
    command: 'record',
    ...ways,
    snapshotAtSeconds,
    durationSeconds,
    allocationsBytes: allocations(split),
    allocationStacks: split.options.has('allocation-stacks'),
    out: one(split, 'out') ?? 'heaphouse-recording',
    failOn,
    top: top(split) ?? DEFAULT_TOP,
    quiet: split.options.has('quiet'),
  };
}

/** Without a value the interval of the window. */
function allocations(split: SplitArguments): number | null {
  if (one(split, 'allocations') === '') return DEFAULT_SAMPLING_INTERVAL;
  const kibibytes = wholeNumber(split, 'allocations', 1, MAX_ALLOCATIONS_KIB);
  return kibibytes === null ? null : kibibytes * 1024;
}

function gates(split: SplitArguments): string[] {
  const texts = split.options.get('fail-on') ?? [];
  for (const text of texts) {
    if (!parseGate(text)) throw new UsageError(`--fail-on: "${text}" is not ${GATE_GRAMMAR}.`);
  }
  return texts;
}

function noRest(split: SplitArguments, command: CommandName): void {
  if (split.rest !== null) throw new UsageError(`${command} takes no command after --.`);
}

function operands(split: SplitArguments, names: string[]): string[] {
  const missing = names[split.operands.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing.`);
  const extra = split.operands[names.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many.`);
  return split.operands;
}

function one(split: SplitArguments, name: string): string | null {
  return split.options.get(name)?.[0] ?? null;
}

function required(split: SplitArguments, name: string, what: string): string {
  const text = one(split, name);
  if (text === null) throw new UsageError(`--${name} ${what} is missing.`);
  return text;
}

function wholeNumber(split: SplitArguments, name: string, min: number, max: number): number | null {
  const text = one(split, name);
  if (text === null) return null;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw new UsageError(`--${name}: "${text}" is not a whole number from ${min} to ${max}.`);
  return number;
}

const top = (split: SplitArguments) => wholeNumber(split, 'top', 1, MAX_TOP);

function format<const F extends readonly [string, ...string[]]>(split: SplitArguments, known: F): F[number] {
  const text = one(split, 'format') ?? known[0];
  if (!known.includes(text)) throw new UsageError(`--format: "${text}" is not one of ${known.join(', ')}.`);
  return text;
}

/** Without --format the ending of --out decides; on standard output it is the table. */
function compareFormat(split: SplitArguments, out: string | null): 'table' | 'json' | 'csv' | 'html' | 'md' {
  const known = ['table', 'json', 'csv', 'html', 'md'] as const;
  if (one(split, 'format') !== null || out === null) return format(split, known);
  const ending = /\.(json|csv|html|htm|md|txt)$/i.exec(out)?.[1]?.toLowerCase();
  if (ending === 'txt') return 'table';
  if (ending === 'htm') return 'html';
  const found = known.find((name) => name === ending);
  if (!found) throw new UsageError(`--out ${out}: give --format, or a name that ends in .json, .csv, .html, .md or .txt.`);
  return found;
}

function parsePid(text: string, where: string): number {
  const pid = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (pid < 1 || pid > MAX_PID) throw new UsageError(`${where}: "${text}" is not a process id.`);
  return pid;
}

function isTargetUrl(text: string): boolean {
  try {
    return ['ws:', 'wss:', 'http:', 'https:'].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

function parseTarget(text: string): { pid: number } | { url: string } {
  if (/^\d/.test(text)) return { pid: parsePid(text, 'snapshot') };
  if (isTargetUrl(text)) return { url: text };
  throw new UsageError(`snapshot: "${text}" is neither a process id nor a ws:// address.`);
}

function seconds(text: string, where: string): number {
  const number = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(number <= MAX_SECONDS)) throw new UsageError(`${where}: "${text}" is not a number of seconds.`);
  return number;
}
