/** What a command line asks for. The same for every host: each takes what concerns it and hands the rest on. */
export const COMMANDS = ['open', 'serve', 'record', 'snapshot', 'summary', 'retainers', 'compare', 'query', 'session'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** How a program is started; both need a command. */
export interface LaunchChoices {
  /** Value of PYTHONMALLOC. */
  pythonMalloc: string | null;
  /** `jemalloc`, `mimalloc`, `tcmalloc`, or the path of a library. */
  preload: string | null;
}

/** What the workbench shows first. A command is started only because the user typed it here. */
export interface OpenInvocation extends LaunchChoices {
  command: 'open' | 'serve';
  files: string[];
  attachPid: number | null;
  connectUrl: string | null;
  /** Program and arguments after `--`. */
  launch: string[] | null;
  /** `serve` only; null: any free port. */
  port: number | null;
}

export interface RecordInvocation extends LaunchChoices {
  command: 'record';
  attachPid: number | null;
  connectUrl: string | null;
  launch: string[] | null;
  /** Seconds after the start, ascending. */
  snapshotAtSeconds: number[];
  durationSeconds: number;
  /** Bytes between two samples of allocations; null: none are sampled. */
  allocationsBytes: number | null;
  /** Record the stack of every allocation, for the snapshots. */
  allocationStacks: boolean;
  out: string;
  failOn: string[];
  top: number;
  quiet: boolean;
}

export interface SnapshotInvocation {
  command: 'snapshot';
  target: { pid: number } | { url: string };
  out: string;
  quiet: boolean;
}

export interface SummaryInvocation {
  command: 'summary';
  file: string;
  /** Null: the format's default. */
  top: number | null;
  format: 'json' | 'table';
  quiet: boolean;
}

export interface RetainersInvocation {
  command: 'retainers';
  file: string;
  className: string;
  top: number;
  paths: number;
  format: 'json' | 'table';
  quiet: boolean;
}

export interface CompareInvocation {
  command: 'compare';
  base: string;
  compared: string;
  format: 'json' | 'csv' | 'html' | 'md' | 'table';
  /** Null: standard output. */
  out: string | null;
  failOn: string[];
  top: number;
  includeValues: boolean;
  quiet: boolean;
}

export interface QueryInvocation {
  command: 'query';
  file: string;
  /** Earlier snapshot whose tables are `base`; null: none. */
  base: string | null;
  /** The statement; null: it is read from `sqlFile`. */
  sql: string | null;
  sqlFile: string | null;
  format: 'table' | 'json' | 'csv';
  limit: number;
  quiet: boolean;
}

export type SessionInvocation =
  | { command: 'session'; action: 'list'; format: 'table' | 'json'; quiet: boolean }
  | { command: 'session'; action: 'export'; session: string; out: string | null; quiet: boolean }
  | { command: 'session'; action: 'import'; file: string; out: string | null; quiet: boolean }
  | { command: 'session'; action: 'rename'; session: string; title: string; quiet: boolean }
  | { command: 'session'; action: 'delete'; session: string; yes: boolean; quiet: boolean };

export interface HelpInvocation {
  command: 'help';
  topic: CommandName | null;
}

export interface VersionInvocation {
  command: 'version';
}

export type Invocation =
  | OpenInvocation
  | RecordInvocation
  | SnapshotInvocation
  | SummaryInvocation
  | RetainersInvocation
  | CompareInvocation
  | QueryInvocation
  | SessionInvocation
  | HelpInvocation
  | VersionInvocation;

export type ParseResult =
  | { ok: true; invocation: Invocation }
  /** `message` says what is wrong with which argument; `topic` whose help to offer. */
  | { ok: false; message: string; topic: CommandName | null };
