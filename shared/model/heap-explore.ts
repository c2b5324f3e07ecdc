/**
 * Vocabulary of the views that explore and compare snapshots: growth tree, grown survivors, three snapshots, dominators,
 * treemap, containment, strings, statistics, findings. Plain rows and queries, as in heap.ts. Sizes are bytes.
 */
import type { AllocationSource, ComparisonSide, HolderStep, NodeRef, PathsToRoot } from './heap.ts';

/**
 * Names a set of objects of one snapshot, so that every list, filter and histogram works on every selection. Ordinals and
 * line ids are valid for the snapshot (or pair, or trio) they came from.
 */
export type ObjectSet =
  | { readonly by: 'all' }
  | { readonly by: 'class'; readonly classIndex: number }
  /** A row of `groups`. */
  | { readonly by: 'group'; readonly grouping: Grouping; readonly groupId: number }
  /** A selection made by hand, at most MAX_SELECTED. */
  | { readonly by: 'ordinals'; readonly ordinals: number[] }
  /** What goes when this object goes, itself included. */
  | { readonly by: 'retainedBy'; readonly ordinal: number }
  /** What goes when all objects of this class go, they included. */
  | { readonly by: 'retainedByClass'; readonly classIndex: number }
  /** A cell of a comparison; the snapshot asked must be the one the cell speaks of (`dead`: base, else compared). */
  | {
      readonly by: 'comparison';
      readonly baseId: string;
      readonly comparedId: string;
      readonly classIndex: number | null;
      readonly side: ComparisonSide;
    }
  /** The new objects at or below a line of the growth tree; of the compared snapshot. */
  | { readonly by: 'growth'; readonly baseId: string; readonly comparedId: string; readonly lineId: number }
  /** Born between first and second, still there in third; of the third snapshot. `classIndex` null: of all classes. */
  | {
      readonly by: 'trio';
      readonly firstId: string;
      readonly secondId: string;
      readonly thirdId: string;
      readonly classIndex: number | null;
    }
  /** The objects with the value of a row of `strings`. */
  | { readonly by: 'string'; readonly stringId: number }
  /** The objects a finding speaks of; `baseId` as given to `findings`. */
  | { readonly by: 'finding'; readonly findingId: string; readonly baseId: string | null };

/** Objects that can be selected by hand. */
export const MAX_SELECTED = 10_000;

/** Narrows a set. All that is given must hold; bounds are inclusive. Distances are those of `NodeRef.distance`. */
export interface ObjectFilter {
  /** On the name: plain text (any case) or `/regex/flags`. On the name of the group in `groups`. */
  readonly text?: string;
  readonly minShallowBytes?: number;
  readonly maxShallowBytes?: number;
  readonly minRetainedBytes?: number;
  readonly maxRetainedBytes?: number;
  readonly minDistance?: number;
  readonly maxDistance?: number;
  /** Node types as in `NodeRef.kind`. */
  readonly kinds?: string[];
  /** Only objects that go when this one goes. */
  readonly retainedBy?: number;
  /** Only objects that are not in this (earlier) snapshot: "allocated since". */
  readonly notInId?: string;
}

/**
 * Rows of the summary: by class, by module (V8: script), by package (Python: top-level package, V8: npm package), by node
 * type, by allocation site (where stacks were recorded or sampled).
 */
export type Grouping = 'class' | 'module' | 'package' | 'kind' | 'site';

/** A call in the stack of an allocation. Line and column are counted from 1; 0: not known. Names are not sanitised. */
export interface AllocationFrame {
  readonly functionName: string;
  readonly script: string;
  readonly line: number;
  readonly column: number;
}

/** `source` null: the snapshot has no stacks at all. No frames: the object is older than the recording, or was not sampled. */
export interface AllocationStack {
  readonly source: AllocationSource | null;
  /** Innermost first. */
  readonly frames: readonly AllocationFrame[];
  /** The class of the object is among `unsureClasses`. */
  readonly unsure: boolean;
}

/** Objects of a set that were allocated at one place: the innermost call outside of the runtime's own code. */
export interface SiteGroup {
  /** `handle (/app/handlers.py:88)`; with column where that is known. */
  readonly site: string;
  readonly frame: AllocationFrame;
  /** Of sampled objects: how many they stand for, estimated. */
  readonly objects: number;
  readonly shallowBytes: number;
  /** Objects in the file that have this site: the same as `objects` where all are recorded. */
  readonly samples: number;
  /** Of the objects whose site is known (sampled: of all that the samples stand for). */
  readonly share: number;
  readonly example: NodeRef;
  /** The stack of the example, innermost first, cut. */
  readonly stack: readonly AllocationFrame[];
}

/** Where the objects of a set were allocated. */
export interface SetSites {
  readonly source: AllocationSource | null;
  /** Objects of the set, and how many of them have a stack. */
  readonly objects: number;
  readonly known: number;
  /** Some of those that have one are of an unsure class. */
  readonly unsure: boolean;
  /** Most objects first. */
  readonly groups: readonly SiteGroup[];
}

/** What sampled objects stand for. */
export interface SampleEstimate {
  readonly objects: number;
  readonly shallowBytes: number;
}

/** A group of the summary. `groupId` is the class index when grouped by class. */
export interface GroupRow {
  readonly groupId: number;
  readonly name: string;
  readonly kind: string;
  readonly classes: number;
  readonly objects: number;
  readonly shallowBytes: number;
  /** Union of what its objects retain; null before the analysis. */
  readonly retainedBytes: number | null;
  readonly distance: number | null;
  /** Of a group by site where allocations were sampled: the other numbers are those of the samples alone. Else null. */
  readonly estimate: SampleEstimate | null;
}

export type GroupColumn = 'name' | 'kind' | 'classes' | 'objects' | 'shallowBytes' | 'retainedBytes' | 'distance';

/** Totals of a set after its filter. */
export interface SetTotals {
  readonly objects: number;
  readonly shallowBytes: number;
  /** Union of what they retain. */
  readonly retainedBytes: number;
}

/**
 * One line of the growth tree: new objects (and survivors that grew) that hang at or below one folded path. Above the
 * first line stand the scopes (module, global object, function), which are part of its `steps` and no lines of their
 * own: the first line of a leak is its holder.
 */
export interface GrowthLine {
  readonly lineId: number;
  readonly parentId: number | null;
  readonly depth: number;
  /** What this line adds to the one above, e.g. `[*]`; empty where the node stands for itself. */
  readonly edge: string;
  /** Class or name of what hangs there. */
  readonly node: string;
  /** For lines of the first level the scopes above, then the line's own step; below only the latter. */
  readonly steps: readonly HolderStep[];
  /** `module __main__ → _cache (dict)` */
  readonly text: string;
  /** New objects at or below this line. */
  readonly objects: number;
  /** Their bytes. */
  readonly shallowBytes: number;
  /** Union of what they retain in the compared snapshot. */
  readonly retainedBytes: number;
  /** Survivors at or below this line whose own (shallow) size grew, and by how much. */
  readonly grownObjects: number;
  readonly grownBytes: number;
  /** Lines below. */
  readonly children: number;
  /** New objects exactly here, not below. */
  readonly ownObjects: number;
  /** The holder: what the line's own path leads to (first seen), e.g. the dict `_cache`. */
  readonly holder: NodeRef;
  /** True when that very object is in both snapshots. */
  readonly holderSurvived: boolean;
  /** First and last new object in the order of ids (V8: of birth); null when only survivors grew. */
  readonly first: NodeRef | null;
  readonly last: NodeRef | null;
}

export type GrowthColumn = 'text' | 'objects' | 'shallowBytes' | 'retainedBytes' | 'grownBytes' | 'children';

/** The whole of it: what the lines of the first level add up to. */
export interface GrowthSummary {
  readonly lines: number;
  readonly newObjects: number;
  readonly newShallowBytes: number;
  readonly grownObjects: number;
  readonly grownBytes: number;
  /** New objects no root reaches; they are a line of their own. */
  readonly unreachedObjects: number;
}

/** An object in both snapshots that retains more in the second one. `node` is of the compared snapshot. */
export interface GrownRow {
  readonly node: NodeRef;
  readonly baseShallowBytes: number;
  readonly baseRetainedBytes: number;
  /** compared − base. */
  readonly grownShallowBytes: number;
  readonly grownRetainedBytes: number;
  /** New objects among what it retains now. */
  readonly newObjects: number;
  readonly newBytes: number;
  /** References it has more than before. */
  readonly addedFields: number;
  /** Where the growth happened: false when an object it dominates accounts for nearly all of it. */
  readonly accumulates: boolean;
}

export type GrownColumn =
  | 'name'
  | 'grownRetainedBytes'
  | 'grownShallowBytes'
  | 'retainedBytes'
  | 'baseRetainedBytes'
  | 'newObjects'
  | 'addedFields';

/** What was added to a grown survivor: the new objects it retains, by class. */
export interface AddedRow {
  readonly classIndex: number;
  readonly name: string;
  readonly objects: number;
  readonly shallowBytes: number;
  readonly example: NodeRef;
}

/** Born between first and second and still there in third, by class of the third snapshot. */
export interface TrioRow {
  readonly classIndex: number;
  readonly name: string;
  readonly kind: string;
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
  /** Born between first and second, and gone in third. */
  readonly goneObjects: number;
}

export type TrioColumn = 'name' | 'kind' | 'objects' | 'shallowBytes' | 'retainedBytes' | 'goneObjects';

export interface TrioSummary {
  readonly classes: number;
  readonly born: SetTotals;
  readonly stayed: SetTotals;
  /** False: the ids of the three do not belong to one numbering, so nothing can be said. */
  readonly idsComparable: boolean;
}

/** A node of the dominator tree. */
export interface DominatorRow {
  readonly node: NodeRef;
  /** Nodes it dominates directly. */
  readonly children: number;
  /** Retained bytes ÷ those of the root. */
  readonly share: number;
}

/** A line of the dominator tree grouped by class: objects of one class below objects of the line above. */
export interface DominatorClassRow {
  readonly lineId: number;
  readonly classIndex: number;
  readonly name: string;
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
  readonly share: number;
  readonly children: number;
  readonly example: NodeRef;
}

export type DominatorClassColumn = 'name' | 'objects' | 'shallowBytes' | 'retainedBytes' | 'children';

/** Immediate dominators of a set (or what a set dominates directly), by class. */
export interface DominatedClassRow {
  readonly classIndex: number;
  readonly name: string;
  /** Objects of this class. */
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
  /** Objects of the set that hang on them, and their bytes. */
  readonly setObjects: number;
  readonly setShallowBytes: number;
  readonly example: NodeRef;
}

export type DominatedClassColumn =
  | 'name'
  | 'objects'
  | 'shallowBytes'
  | 'retainedBytes'
  | 'setObjects'
  | 'setShallowBytes';

/** Cells a treemap may have at most. */
export const MAX_TREEMAP_CELLS = 1_500;

/** A cell; `parent` is an index into the cells, −1 for the first. Cells of one parent stand together, largest first. */
export interface TreemapCell {
  readonly parent: number;
  readonly depth: number;
  /**
   * The object; the largest one of a class; null for the rest that was put together and for the object's own bytes.
   */
  readonly ordinal: number | null;
  /** `class`: several objects of one class below the same object; they are the cells below it. */
  readonly role: 'object' | 'class' | 'own' | 'rest';
  readonly name: string;
  readonly className: string;
  readonly bytes: number;
  /** Objects the cell stands for: those put together in a rest or a class, otherwise those it retains. */
  readonly objects: number;
}

export interface Treemap {
  readonly root: NodeRef;
  /** Dominators from the root down to `root`, for the breadcrumb; the middle is left out when there are many. */
  readonly above: readonly NodeRef[];
  readonly cells: readonly TreemapCell[];
}

/** A reference in the containment view. */
export interface ContainmentRow {
  readonly edge: number;
  readonly edgeName: string;
  readonly edgeKind: string;
  readonly weak: boolean;
  readonly system: boolean;
  readonly node: NodeRef;
  /** References the node has itself. */
  readonly fields: number;
}

export type StringOrder = 'longest' | 'duplicates';

/** One value that strings have. */
export interface StringRow {
  readonly stringId: number;
  /** Cut. V8 itself keeps only the first 1,024 characters (Python agents: 100) in the file. */
  readonly text: string;
  /** Objects that have it. */
  readonly objects: number;
  readonly shallowBytes: number;
  /** Bytes of the largest of them. */
  readonly largestBytes: number;
  /** What would be saved if there were one of them: all but the largest. Zero where the file cuts the values. */
  readonly wastedBytes: number;
  /** The file has only the beginning of these values, so they may differ behind it. */
  readonly cutInFile: boolean;
  readonly example: NodeRef;
}

export type StringColumn = 'text' | 'objects' | 'shallowBytes' | 'largestBytes' | 'wastedBytes';

export type StatisticsPart =
  | 'objects' // instances, containers of the program
  | 'strings'
  | 'arrays' // V8: backing stores of arrays, maps, sets
  | 'containers' // Python: dict, list, tuple, set
  | 'code' // functions, code, closures
  | 'numbers'
  | 'native' // buffers, DOM, what is outside of the managed heap but known by object
  | 'system' // the runtime's own
  | 'external'; // native memory no node stands for

export interface StatisticsRow {
  readonly part: StatisticsPart;
  readonly label: string;
  readonly objects: number;
  readonly bytes: number;
}

export interface HeapStatistics {
  readonly totalBytes: number;
  readonly rows: readonly StatisticsRow[];
  /** The same by node type of the file. */
  readonly kinds: readonly { readonly kind: string; readonly objects: number; readonly bytes: number }[];
}

export type Confidence = 'high' | 'medium' | 'low';

/** A link from a finding to an object. */
export interface FindingLink {
  readonly label: string;
  readonly node: NodeRef;
}

/** What a detector found. Texts are plain sentences for the user; names in them are not sanitised. */
export interface Finding {
  /** Stable for the snapshot (and base): names the objects in an ObjectSet. */
  readonly id: string;
  readonly detector: string;
  readonly title: string;
  readonly saw: string;
  readonly why: string;
  readonly advice: string;
  readonly confidence: Confidence;
  /** Bytes in question; findings are sorted by confidence, then by these. */
  readonly bytes: number;
  readonly objects: number;
  /** Folded path from the root to what it speaks of, where that helps. */
  readonly path: readonly HolderStep[];
  readonly links: readonly FindingLink[];
}

export interface FindingsReport {
  readonly findings: readonly Finding[];
  /** Every detector that ran or did not, and why not ("needs an earlier snapshot", "only for V8"). */
  readonly detectors: readonly {
    readonly id: string;
    readonly title: string;
    readonly found: number;
    readonly skipped: string | null;
  }[];
}

/** Path of an object as an expression of its language. */
export interface ObjectExpression {
  /** `app.handlers._cache[42].payload`; null where it cannot be written. */
  readonly expression: string | null;
  readonly language: 'python' | 'javascript' | null;
  /** What must be done before (`import app.handlers`), or why there is none. */
  readonly note: string;
}

/** Paths and distance when some retainers are ignored. */
export interface PathsIgnoring extends PathsToRoot {
  /** Edges from the root without the ignored ones; null: nothing else holds it. */
  readonly distance: number | null;
}
