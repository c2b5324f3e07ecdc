/** Reference counts of a CPython target and its cyclic garbage. Bytes, milliseconds. */

/** `static`: up to 3.11 some objects begin at a huge count; `immortal`: 3.12+ gives them no count at all. */
export const COUNT_STATES = ['counted', 'immortal', 'static'] as const;
export type CountState = (typeof COUNT_STATES)[number];

/** One reference by its name. */
export interface Referrer {
  /** `global`, `attribute`, `item`, `key`, `element`, `local`, `context` (cell or generator), `constant`, `internal`. */
  kind: string;
  /** `node`, `[3]`, `['key']`; empty where it has none. */
  name: string;
  /** Type of the object that holds. */
  type: string;
  /** `module app`, `class app.Node`, `list(3) {…}`, `variable of run, app.py:7`. */
  holder: string;
  /** Hexadecimal. */
  address: string | null;
}

export interface CountedName {
  name: string;
  count: number;
}

/** Who accounts for the reference count of one object. */
export interface ReferenceReport {
  type: string;
  text: string;
  /** Hexadecimal. */
  address: string;
  state: CountState;
  /** Without references of ours; null for what is not counted. */
  count: number | null;
  referrers: Referrer[];
  /** References with a name; may exceed what is listed. */
  named: number;
  /** The rest: C code, values that are being computed; null where it cannot be told. */
  heldFromC: number | null;
  /** 3.14+: named references that the interpreter borrowed and did not count. */
  borrowed: number;
  /** References of ours, already taken out of `count`. */
  ours: CountedName[];
  notes: string[];
  elapsedMs: number;
}

export interface TraceableModule {
  name: string;
  file: string | null;
}

export interface TraceableFunction {
  /** `Class.method` */
  name: string;
  line: number;
  file: string;
  variables: string[];
  /** Why it cannot be traced. */
  reason: string | null;
}

export interface NamedChange {
  kind: string;
  name: string;
  count: number;
}

/** The state after a line has run; line 0: before the first. */
export interface TraceStep {
  line: number;
  source: string;
  /** The variable denotes an object now. When it does not, the last object is followed on. */
  bound: boolean;
  /** The variable has been given another object; counts are of that one. */
  rebound: boolean;
  count: number | null;
  state: CountState;
  named: number;
  type: string;
  text: string;
  address: string | null;
  appeared: NamedChange[];
  disappeared: NamedChange[];
}

export interface ReferenceTrace {
  file: string;
  function: string;
  firstLine: number;
  variable: string;
  steps: TraceStep[];
  /** It ended at the limit of steps or time. */
  cut: boolean;
  /** What the tracing and the interpreter hold, at most, and what was taken out of every count. */
  subtracted: CountedName[];
  notes: string[];
  /** The text ended with this exception. */
  error: string | null;
}

export interface GarbageCycle {
  /** Cycles that look like this one. */
  count: number;
  objectsEach: number;
  /** Of all of them with what hangs on them, shallow. */
  bytes: number;
  /** Strings, numbers and such that only they hold. */
  heldBytes: number;
  /** Objects that are in no cycle and hang on one of these. */
  attached: number;
  types: { type: string; objects: number }[];
  /** One of them, at most 24 objects of it. */
  objects: { type: string; text: string; address: string }[];
  edges: { from: number; to: number; name: string; kind: string }[];
}

/** What one collection found, before it was freed. */
export interface GarbageReport {
  at: number;
  objects: number;
  cycles: number;
  inCycles: number;
  bytes: number;
  heldBytes: number;
  types: { type: string; objects: number; bytes: number }[];
  /** Most bytes first. */
  groups: GarbageCycle[];
  groupCount: number;
  /** Not everything was grouped: too much, or out of time. */
  cut: boolean;
  /** The collection, in which finalisers of the program run. */
  pauseMs: number;
  /** Looking, while the program ran on. */
  lookMs: number;
  /** The second collection, which frees it. */
  releaseMs: number;
  releasedBlocks: number;
  /** The program itself has set gc.DEBUG_SAVEALL: nothing was freed. */
  keptByProgram: boolean;
  /** What stood in gc.garbage before. */
  uncollectable: { type: string; text: string; address: string }[];
  uncollectableCount: number;
}
