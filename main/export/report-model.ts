/** The model of an exported comparison: what docs/formats.md describes as `heaphouse.compare`, version 1. */
import type { Amount, ComparisonSide, HeapProducer, HolderStep } from '#shared/model/heap.ts';

export const COMPARE_SCHEMA = 'heaphouse.compare';
export const COMPARE_VERSION = 1;

export const COMPARISON_CELLS = ['base', 'compared', 'new', 'dead', 'survived', 'delta'] as const;
export type ComparisonCell = (typeof COMPARISON_CELLS)[number];
export type Amounts = Record<ComparisonCell, Amount>;

export interface ReportSnapshot {
  name: string;
  /** File name without its folder. */
  file: string;
  /** ISO 8601; empty when not known. */
  takenAt: string;
  producer: HeapProducer;
  fileBytes: number;
  /** As the classes count them: V8's hidden parts belong to their owners. */
  objects: number;
  nodes: number;
  edges: number;
  shallowBytes: number;
}

export interface ReportClass extends Amounts {
  name: string;
  kind: string;
}

export interface ReportObject {
  id: number;
  name: string;
}

/** Objects of a class that hang on the same folded path from a root. */
export interface ReportHolderGroup {
  /** `module __main__ → _cache (dict)` */
  holder: string;
  steps: HolderStep[];
  owner: ReportObject | null;
  objects: number;
  shallowBytes: number;
  retainedBytes: number | null;
  example: ReportObject;
}

export interface ReportHolders {
  className: string;
  side: ComparisonSide;
  /** Objects of the class on that side; the groups may cover fewer. */
  objects: number;
  groups: ReportHolderGroup[];
}

/** A place where new objects of a class were allocated. */
export interface ReportSite {
  /** `handle (/app/handlers.py:88)` */
  site: string;
  functionName: string;
  script: string;
  /** From 1; 0: not known. */
  line: number;
  /** Of sampled objects: how many they stand for, estimated. */
  objects: number;
  shallowBytes: number;
  /** 0 to 1, of the objects whose site is known. */
  share: number;
  /** Objects in the file that have this site. */
  samples: number;
}

/** Where the new objects of a class were allocated; only in a report on a compared snapshot with allocation stacks. */
export interface ReportAllocations {
  className: string;
  side: ComparisonSide;
  /** Objects of the class on that side, and those whose stack is known. */
  objects: number;
  known: number;
  /** The numbers are estimates from a share of the objects. */
  sampled: boolean;
  /** The interpreter hands blocks of this class on without telling: a site may be that of an earlier object. */
  unsure: boolean;
  sites: ReportSite[];
}

/** A line of the growth tree: new objects (and survivors that grew) at or below one folded path. */
export interface ReportGrowthLine {
  /** `module __main__ → _cache (dict)` at the first level, `[*] (Session)` below. */
  text: string;
  objects: number;
  shallowBytes: number;
  retainedBytes: number;
  /** Survivors whose own size grew, and by how much. */
  grownObjects: number;
  grownBytes: number;
  /** First and last new object by id; null when only survivors grew. */
  first: ReportObject | null;
  last: ReportObject | null;
  /** The largest lines below. */
  lines: ReportGrowthLine[];
}

export interface ReportHeadline {
  /** One sentence: what grew, by how much, and what holds it. Names stand between backquotes. */
  text: string;
  className: string | null;
  objects: number;
  retainedBytes: number;
  holder: string | null;
  /** Where most of its new objects were allocated: `handlers.py:88`; null where that is not known for sure. */
  allocatedAt: string | null;
}

export interface ComparisonReport {
  schema: typeof COMPARE_SCHEMA;
  version: typeof COMPARE_VERSION;
  title: string;
  createdAt: string;
  generator: string;
  base: ReportSnapshot;
  compared: ReportSnapshot;
  headline: ReportHeadline;
  /** How objects were told apart. */
  identityNote: string;
  /** Why these two may not belong together; null when they seem to. */
  warning: string | null;
  valuesIncluded: boolean;
  totals: Amounts;
  /** In order of growth. */
  classes: ReportClass[];
  holders: ReportHolders[];
  /** For the classes of `holders`; empty without allocation stacks in the compared snapshot. */
  allocations: ReportAllocations[];
  /** The growth tree, largest first: its first lines to some depth. */
  growth: ReportGrowthLine[];
  /** What was left out, in words; empty when nothing. */
  cuts: string[];
}
