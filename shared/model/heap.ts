/**
 * Vocabulary of heap snapshots that crosses process boundaries: plain, serialisable rows and queries.
 * The engine (main/heap) produces them, services carry them, views draw them. Sizes are bytes.
 *
 * Nodes are addressed by *ordinal* (0 … nodeCount − 1, position in the file). An ordinal is valid only together
 * with the heap it came from; `id` is what survives from one snapshot to the next.
 */

/** Longest text (UTF-16 units) the engine puts in any row; longer names are cut and end in `…`. */
export const MAX_ROW_TEXT = 1_000;

/** Rows one query may return at most; larger windows are cut to this. */
export const MAX_PAGE_ROWS = 10_000;

/** Distances from here on mean "reached only through system roots" (the same constant Chrome DevTools uses). */
export const SYSTEM_DISTANCE = 100_000_000;

/** Who wrote the snapshot, as far as the file tells. It decides naming, ownership and identity rules. */
export type HeapProducer = 'v8' | 'cpython' | 'other';

export type SortOrder = 'ascending' | 'descending';

/** Sort on one column; the names of the columns are those of the row type queried. */
export interface SortSpec<Column extends string = string> {
  readonly by: Column;
  readonly order: SortOrder;
}

/** A window of rows: `start` inclusive, `end` exclusive. `filter` is plain text (any case) or `/regex/flags`. */
export interface RowQuery<Column extends string = string> {
  readonly start: number;
  readonly end: number;
  readonly sort?: SortSpec<Column>;
  readonly filter?: string;
}

/** The rows of one window. `total` counts the rows after the filter, `unfiltered` before it. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly start: number;
  readonly total: number;
  readonly unfiltered: number;
}

/** Counted progress of a long step; `total` is 0 while it is not known. */
export interface HeapProgress {
  readonly phase: HeapPhase;
  readonly done: number;
  readonly total: number;
}

export type HeapPhase =
  | 'reading' // bytes of the file
  | 'classes' // nodes
  | 'retainers' // edges
  | 'sizes' // nodes
  | 'dominators' // nodes
  | 'distances' // nodes
  | 'aggregates' // nodes
  | 'comparing' // nodes
  | 'tables'; // rows of the tables of a query

/** What went wrong with a snapshot file; each code has one meaning and one piece of advice. */
export type HeapErrorCode =
  | 'empty' // no bytes
  | 'not-json' // the bytes are no JSON
  | 'not-a-snapshot' // JSON, but no heap snapshot
  | 'truncated' // ends in the middle
  | 'unsupported' // a version or field set that cannot be read
  | 'corrupt' // contradicts itself
  | 'io' // the file could not be read
  | 'too-large'; // needs more memory than can be had

/** One object as every view shows it. Columns of the analysis are `null` until it is ready. */
export interface NodeRef {
  readonly ordinal: number;
  readonly id: number;
  /** For strings a preview of the value, otherwise the name the runtime gave. */
  readonly name: string;
  readonly className: string;
  /** Node type as the file names it: `object`, `closure`, `string`, `synthetic`, … */
  readonly kind: string;
  readonly shallowBytes: number;
  readonly retainedBytes: number | null;
  /** Edges from the root; from SYSTEM_DISTANCE on through system roots only; null: not reached, or not yet known. */
  readonly distance: number | null;
  /** Reference count, only where the producer records it (CPython). */
  readonly refcount?: number;
  /** True when a DOM node is known to be detached from its document. */
  readonly detached?: boolean;
}

export type NodeColumn = 'name' | 'id' | 'shallowBytes' | 'retainedBytes' | 'distance' | 'refcount';

/** One class. `retainedBytes` counts the union: what goes if all its objects go. */
export interface ClassRow {
  readonly classIndex: number;
  readonly name: string;
  /** Node type of the first object. */
  readonly kind: string;
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number | null;
  readonly distance: number | null;
}

export type ClassColumn = 'name' | 'kind' | 'objects' | 'shallowBytes' | 'retainedBytes' | 'distance';

/**
 * One reference. In a list of fields `node` is what the edge points to, in a list of retainers what it comes from.
 * `weak` edges keep nothing alive; `system` edges and nodes belong to the runtime, not to the program.
 */
export interface EdgeRow {
  readonly edge: number;
  readonly edgeName: string;
  /** Edge type as the file names it: `property`, `element`, `internal`, `context`, `weak`, … */
  readonly edgeKind: string;
  readonly weak: boolean;
  readonly system: boolean;
  readonly node: NodeRef;
}

export type EdgeColumn = 'edgeName' | 'edgeKind' | NodeColumn;

/** One step of a retaining path. The first step is the root itself, with an empty edge. */
export interface PathStep {
  readonly edgeName: string;
  readonly edgeKind: string;
  readonly system: boolean;
  readonly node: NodeRef;
}

/** Steps from the root to the object, both included. */
export interface RetainingPath {
  readonly steps: readonly PathStep[];
}

export interface PathsToRoot {
  readonly paths: readonly RetainingPath[];
  /** False when the limit of count or time cut the search: there may be more. */
  readonly complete: boolean;
}

/** Everything about one object that is not a list. */
export interface ObjectDetails extends NodeRef {
  readonly fields: number;
  readonly retainers: number;
  /** Immediate dominator, null for the root or before the analysis. */
  readonly dominator: NodeRef | null;
  /** Objects it dominates directly; null before the analysis. */
  readonly dominated: number | null;
  /** The value of a string node, cut; null for other kinds. */
  readonly value: string | null;
  /** True when `value` is not the whole string. */
  readonly valueCut: boolean;
  readonly location: SourceLocation | null;
}

/** Position in a script of the target; line and column count from 0 as V8 writes them. */
export interface SourceLocation {
  readonly scriptId: number;
  /** Name or address of the script; null where the snapshot does not lead to it. */
  readonly script: string | null;
  /** From 0, as in V8. */
  readonly line: number;
  readonly column: number;
}

/** Totals of one snapshot. */
export interface HeapSummary {
  readonly producer: HeapProducer;
  readonly fileBytes: number;
  readonly nodes: number;
  readonly edges: number;
  readonly strings: number;
  readonly classes: number;
  readonly shallowBytes: number;
  /** Native memory the embedder reports for no node in particular. */
  readonly extraNativeBytes: number;
  /** Whether retained sizes, dominators and distances are there. */
  readonly analysed: boolean;
  /** Things the reader met and passed over, in words for the user. */
  readonly notices: readonly string[];
  /** What the agent of a Python target says of allocation stacks in the file; V8 says nothing, with or without them. */
  readonly allocations: AllocationSource | null;
}

/** How the stacks of a snapshot came to be there. */
export interface AllocationSource {
  /** `recording`: of every allocation; `sampling`: of a share of them, so that numbers are estimates. */
  readonly by: 'recording' | 'sampling';
  /** Mean bytes from one sample to the next; null without sampling. */
  readonly samplingInterval: number | null;
  /** Classes whose blocks pass from one object to the next unseen, so that a stack may be an earlier object's. */
  readonly unsureClasses: readonly string[];
  /** Why there are no stacks in the file although allocations were followed; null when they are there. */
  readonly missing: string | null;
}

/** One step of a folded path: list indices, dict keys and hash nodes all read `[*]`. */
export interface HolderStep {
  readonly edge: string;
  /** Class or name of the node the edge leads to, e.g. `dict` or `module app.handlers`. */
  readonly node: string;
}

/** Where an object hangs, in words: `module app.handlers → _cache (dict)`. */
export interface HolderDescription {
  readonly text: string;
  /** The nearest named owner on the shortest path. */
  readonly owner: NodeRef | null;
  readonly steps: readonly HolderStep[];
}

/** Objects that hang on the same folded path. */
export interface HolderGroup {
  readonly holder: string;
  readonly owner: NodeRef | null;
  readonly steps: readonly HolderStep[];
  readonly objects: number;
  readonly shallowBytes: number;
  /** Union of what the objects of the group retain; null before the analysis. */
  readonly retainedBytes: number | null;
  readonly example: NodeRef;
}

/** Objects and bytes of one cell of a comparison. In `delta` they can be negative. */
export interface Amount {
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
}

/** Which objects of a class a comparison speaks of. */
export type ComparisonSide = 'new' | 'dead' | 'survived';

export interface ComparisonRow {
  readonly classIndex: number;
  readonly name: string;
  readonly kind: string;
  readonly base: Amount;
  readonly compared: Amount;
  /** In compared only; sizes as in compared. */
  readonly new: Amount;
  /** In base only; sizes as in base. */
  readonly dead: Amount;
  /** In both; sizes as in compared. */
  readonly survived: Amount;
  /** compared − base. */
  readonly delta: Amount;
}

/** `name`, or `<side>.<measure>` as in `new.objects` or `delta.retainedBytes`. */
export type ComparisonColumn =
  | 'name'
  | 'kind'
  | `${'base' | 'compared' | 'delta' | ComparisonSide}.${keyof Amount}`;
