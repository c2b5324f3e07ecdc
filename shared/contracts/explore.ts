/**
 * Questions that explore and compare snapshots (scope: the session id; the analysis host of that session answers).
 * Every call opens, analyses and compares by itself what it needs; long ones report progress and can be cancelled.
 * A page is cut to 1 MiB, so it may have fewer rows than asked for: ask again from `start + rows.length`.
 */
import * as v from 'valibot';
import type { HeapProgress, HolderGroup, NodeRef, Page } from '../model/heap.ts';
import { MAX_QUERY_CHARS, QUERY_EXPORTS, type QueryAnswer, type QueryRow } from '../model/heap-query.ts';
import {
  MAX_SELECTED,
  MAX_TREEMAP_CELLS,
  type AddedRow,
  type AllocationStack,
  type ContainmentRow,
  type DominatedClassRow,
  type DominatorClassRow,
  type DominatorRow,
  type FindingsReport,
  type GroupRow,
  type GrowthLine,
  type GrowthSummary,
  type GrownRow,
  type HeapStatistics,
  type ObjectExpression,
  type PathsIgnoring,
  type SetSites,
  type SetTotals,
  type StringRow,
  type Treemap,
  type TrioRow,
  type TrioSummary,
} from '../model/heap-explore.ts';
import { defineService, method } from '../rpc/define-service.ts';
import type { ExportedFile } from './heap.ts';
import { count, MAX_PAGE_ROWS, rowQuery, rowWindow } from './common.ts';

const snapshotId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const text = v.pipe(v.string(), v.maxLength(1_000));
const ordinal = v.pipe(count, v.maxValue(0xffff_fffe));
const bytes = v.pipe(v.number(), v.finite(), v.minValue(0));

const pair = { baseId: snapshotId, comparedId: snapshotId };
const trio = { firstId: snapshotId, secondId: snapshotId, thirdId: snapshotId };
const grouping = v.picklist(['class', 'module', 'package', 'kind', 'site']);
const limit = v.pipe(count, v.minValue(1), v.maxValue(200));

/** The same as `ObjectSet` of the model. */
const set = v.variant('by', [
  v.object({ by: v.literal('all') }),
  v.object({ by: v.literal('class'), classIndex: count }),
  v.object({ by: v.literal('group'), grouping, groupId: count }),
  v.object({ by: v.literal('ordinals'), ordinals: v.pipe(v.array(ordinal), v.minLength(1), v.maxLength(MAX_SELECTED)) }),
  v.object({ by: v.literal('retainedBy'), ordinal }),
  v.object({ by: v.literal('retainedByClass'), classIndex: count }),
  v.object({
    by: v.literal('comparison'),
    ...pair,
    classIndex: v.nullable(count),
    side: v.picklist(['new', 'dead', 'survived']),
  }),
  v.object({ by: v.literal('growth'), ...pair, lineId: count }),
  v.object({ by: v.literal('trio'), ...trio, classIndex: v.nullable(count) }),
  v.object({ by: v.literal('string'), stringId: count }),
  v.object({
    by: v.literal('finding'),
    findingId: v.pipe(v.string(), v.minLength(1), v.maxLength(120)),
    baseId: v.nullable(snapshotId),
  }),
]);

/** The same as `ObjectFilter` of the model. */
const filter = v.optional(
  v.object({
    text: v.optional(text),
    minShallowBytes: v.optional(bytes),
    maxShallowBytes: v.optional(bytes),
    minRetainedBytes: v.optional(bytes),
    maxRetainedBytes: v.optional(bytes),
    minDistance: v.optional(count),
    maxDistance: v.optional(count),
    kinds: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(64))),
    retainedBy: v.optional(ordinal),
    notInId: v.optional(snapshotId),
  }),
);

const nodeQuery = rowQuery(['name', 'id', 'shallowBytes', 'retainedBytes', 'distance', 'refcount']);
const selection = { snapshotId, set, filter };

export const exploreContract = defineService('explore', {
  methods: {
    // One snapshot: summary and selections.
    /** The summary by class, module or node type, of all objects or of a set, narrowed. Default order: retained bytes. */
    groups: method<Page<GroupRow>, HeapProgress>()(
      v.object({
        ...selection,
        grouping,
        query: rowQuery(['name', 'kind', 'classes', 'objects', 'shallowBytes', 'retainedBytes', 'distance']),
      }),
    ),
    objects: method<Page<NodeRef>, HeapProgress>()(v.object({ ...selection, query: nodeQuery })),
    totals: method<SetTotals, HeapProgress>()(v.object(selection)),
    /** What holds the objects, grouped by folded path. */
    holders: method<HolderGroup[], HeapProgress>()(v.object({ ...selection, limit })),
    /** Where the objects were allocated, as far as that was recorded or sampled. */
    sites: method<SetSites, HeapProgress>()(v.object({ ...selection, limit })),
    /** `dominators`: what dominates the set directly, from outside of it; `dominated`: what the set dominates directly. */
    immediate: method<Page<DominatedClassRow>, HeapProgress>()(
      v.object({
        ...selection,
        direction: v.picklist(['dominators', 'dominated']),
        query: rowQuery(['name', 'objects', 'shallowBytes', 'retainedBytes', 'setObjects', 'setShallowBytes']),
      }),
    ),

    // One snapshot: trees.
    /** Children in the dominator tree, largest first; null: the root's. */
    dominators: method<Page<DominatorRow>, HeapProgress>()(
      v.object({ snapshotId, ordinal: v.nullable(ordinal), query: nodeQuery }),
    ),
    /** The dominator tree grouped by class; null: its first level. */
    dominatorClasses: method<Page<DominatorClassRow>, HeapProgress>()(
      v.object({
        snapshotId,
        lineId: v.nullable(count),
        query: rowQuery(['name', 'objects', 'shallowBytes', 'retainedBytes', 'children']),
      }),
    ),
    /** Retained sizes as areas, from the root (null) or from any object. */
    treemap: method<Treemap, HeapProgress>()(
      v.object({
        snapshotId,
        ordinal: v.nullable(ordinal),
        maxCells: v.optional(v.pipe(count, v.minValue(10), v.maxValue(MAX_TREEMAP_CELLS)), MAX_TREEMAP_CELLS),
      }),
    ),
    /** What an object points to; null: the roots. */
    containment: method<Page<ContainmentRow>, HeapProgress>()(
      v.object({
        snapshotId,
        ordinal: v.nullable(ordinal),
        query: rowQuery(['edgeName', 'edgeKind', 'name', 'id', 'shallowBytes', 'retainedBytes', 'distance', 'refcount']),
      }),
    ),
    strings: method<Page<StringRow>, HeapProgress>()(
      v.object({
        snapshotId,
        /** Default order of the rows; `duplicates` lists only values that more than one object has. */
        order: v.picklist(['longest', 'duplicates']),
        query: rowQuery(['text', 'objects', 'shallowBytes', 'largestBytes', 'wastedBytes']),
      }),
    ),
    statistics: method<HeapStatistics, HeapProgress>()(v.object({ snapshotId })),
    /** With an earlier snapshot of the same process detectors of growth run as well. */
    findings: method<FindingsReport, HeapProgress>()(v.object({ snapshotId, baseId: v.nullable(snapshotId) })),

    // Questions in SQL.
    /** Runs one SELECT over the tables of docs/query.md; `baseId`: with the tables of an earlier snapshot as `base`. */
    query: method<QueryAnswer, HeapProgress>()(
      v.object({ snapshotId, baseId: v.nullable(snapshotId), sql: v.pipe(v.string(), v.maxLength(MAX_QUERY_CHARS)) }),
    ),
    /** Rows of an answer; `not-found` when later answers took its place. Sorted by column `c0`, `c1`, …; else as answered. */
    queryRows: method<Page<QueryRow>>()(
      v.object({
        snapshotId,
        answerId: count,
        query: v.pipe(
          v.object({
            ...rowWindow,
            sort: v.optional(v.object({ by: v.pipe(v.string(), v.regex(/^c\d{1,3}$/)), order: v.picklist(['ascending', 'descending']) })),
            filter: v.optional(v.pipe(v.string(), v.maxLength(1_000))),
          }),
          v.check((q) => q.end >= q.start && q.end - q.start <= MAX_PAGE_ROWS, `a page has at most ${MAX_PAGE_ROWS} rows`),
        ),
      }),
    ),
    /** Writes an answer into the session's `exports` folder (or a temporary one). */
    exportQuery: method<ExportedFile>()(v.object({ snapshotId, answerId: count, format: v.picklist(QUERY_EXPORTS) })),

    // Object page.
    /** Paths that avoid some retainers, and the distance that is left. Without `ignore` as `heap.paths`. */
    paths: method<PathsIgnoring, HeapProgress>()(
      v.object({
        snapshotId,
        ordinal,
        limit: v.pipe(count, v.minValue(1), v.maxValue(100)),
        ignore: v.pipe(v.array(ordinal), v.maxLength(1_000)),
      }),
    ),
    /** Where it was allocated, if the target recorded that (`live.recordAllocationStacks`). */
    allocation: method<AllocationStack, HeapProgress>()(v.object({ snapshotId, ordinal })),
    expression: method<ObjectExpression, HeapProgress>()(v.object({ snapshotId, ordinal })),

    // Two snapshots.
    growthSummary: method<GrowthSummary, HeapProgress>()(v.object(pair)),
    /** Lines below a line, null: the first level. Default order: shallow bytes of new objects plus growth. */
    growthLines: method<Page<GrowthLine>, HeapProgress>()(
      v.object({
        ...pair,
        lineId: v.nullable(count),
        query: rowQuery(['text', 'objects', 'shallowBytes', 'retainedBytes', 'grownBytes', 'children']),
      }),
    ),
    /** Default order: growth of retained bytes. `onlyAccumulating`: not those that grew through one object below. */
    grownSurvivors: method<Page<GrownRow>, HeapProgress>()(
      v.object({
        ...pair,
        onlyAccumulating: v.optional(v.boolean(), true),
        query: rowQuery([
          'name',
          'grownRetainedBytes',
          'grownShallowBytes',
          'retainedBytes',
          'baseRetainedBytes',
          'newObjects',
          'addedFields',
        ]),
      }),
    ),
    /** What was added to a grown survivor (ordinal of the compared snapshot), by class, most bytes first. */
    grownAdded: method<AddedRow[], HeapProgress>()(v.object({ ...pair, ordinal, limit })),

    // Three snapshots.
    trio: method<TrioSummary, HeapProgress>()(v.object(trio)),
    trioClasses: method<Page<TrioRow>, HeapProgress>()(
      v.object({ ...trio, query: rowQuery(['name', 'kind', 'objects', 'shallowBytes', 'retainedBytes', 'goneObjects']) }),
    ),
  },
});
