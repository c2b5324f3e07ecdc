/**
 * Questions about snapshots (scope: the session id; the analysis host of that session answers). A snapshot is named by
 * the id of its artefact. `open` comes first; every other call opens the snapshot itself if that has not happened.
 */
import * as v from 'valibot';
import type {
  Amount,
  ClassRow,
  ComparisonRow,
  EdgeRow,
  HeapProgress,
  HeapSummary,
  HolderGroup,
  NodeRef,
  ObjectDetails,
  Page,
  PathsToRoot,
} from '../model/heap.ts';
import { defineService, method } from '../rpc/define-service.ts';
import { count, rowQuery } from './common.ts';

const snapshotId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const text = v.pipe(v.string(), v.maxLength(1_000));

const nodeColumns = ['name', 'id', 'shallowBytes', 'retainedBytes', 'distance', 'refcount'] as const;
const nodeQuery = rowQuery(nodeColumns);
const edgeQuery = rowQuery(['edgeName', 'edgeKind', ...nodeColumns]);
const classQuery = rowQuery(['name', 'kind', 'objects', 'shallowBytes', 'retainedBytes', 'distance']);

const amountColumns = <S extends string>(side: S) =>
  [`${side}.objects`, `${side}.shallowBytes`, `${side}.retainedBytes`] as const;
const comparisonQuery = rowQuery([
  'name',
  'kind',
  ...amountColumns('base'),
  ...amountColumns('compared'),
  ...amountColumns('new'),
  ...amountColumns('dead'),
  ...amountColumns('survived'),
  ...amountColumns('delta'),
]);

const pair = { baseId: snapshotId, comparedId: snapshotId };
const side = v.picklist(['new', 'dead', 'survived']);

export const EXPORT_FORMATS = ['json', 'csv', 'html', 'md'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ComparisonSummary {
  base: { id: string; name: string; takenAt: number; summary: HeapSummary };
  compared: { id: string; name: string; takenAt: number; summary: HeapSummary };
  classes: number;
  totals: Record<'base' | 'compared' | 'new' | 'dead' | 'survived' | 'delta', Amount>;
  /** How objects were told apart, and what that cannot know; for the user. */
  identityNote: string;
}

export interface ExportedFile {
  path: string;
  suggestedName: string;
  bytes: number;
  /** What was left out to keep it small; empty when nothing. */
  cuts: string[];
}

export const heapContract = defineService('heap', {
  methods: {
    /** Counts, classes and shallow sizes; resolves before retained sizes are known. */
    open: method<HeapSummary, HeapProgress>()(v.object({ snapshotId })),
    /** Retained sizes, dominators, distances. */
    analyse: method<HeapSummary, HeapProgress>()(v.object({ snapshotId })),
    classes: method<Page<ClassRow>>()(v.object({ snapshotId, query: classQuery })),
    instances: method<Page<NodeRef>>()(v.object({ snapshotId, classIndex: count, query: nodeQuery })),
    object: method<ObjectDetails>()(v.object({ snapshotId, ordinal: count })),
    /** Row of the object with this heap id, or null. */
    byId: method<NodeRef | null>()(v.object({ snapshotId, id: count })),
    fields: method<Page<EdgeRow>>()(v.object({ snapshotId, ordinal: count, query: edgeQuery })),
    retainers: method<Page<EdgeRow>>()(v.object({ snapshotId, ordinal: count, query: edgeQuery })),
    dominated: method<Page<NodeRef>>()(v.object({ snapshotId, ordinal: count, query: nodeQuery })),
    paths: method<PathsToRoot>()(v.object({ snapshotId, ordinal: count, limit: v.pipe(count, v.minValue(1), v.maxValue(100)) })),
    search: method<Page<NodeRef>>()(v.object({ snapshotId, text: v.pipe(text, v.minLength(1)), query: nodeQuery })),
    /** What holds the objects of a class, grouped by folded path. */
    holders: method<HolderGroup[]>()(v.object({ snapshotId, classIndex: count, limit: v.pipe(count, v.minValue(1), v.maxValue(200)) })),
    /** Gives the memory back; a later call opens the snapshot again. */
    close: method<null>()(v.object({ snapshotId })),

    compare: method<ComparisonSummary, HeapProgress>()(v.object(pair)),
    comparisonClasses: method<Page<ComparisonRow>>()(v.object({ ...pair, query: comparisonQuery })),
    comparisonObjects: method<Page<NodeRef>>()(v.object({ ...pair, classIndex: count, side, query: nodeQuery })),
    comparisonHolders: method<HolderGroup[]>()(
      v.object({ ...pair, classIndex: count, side, limit: v.pipe(count, v.minValue(1), v.maxValue(200)) }),
    ),
    /** Writes the comparison into the session's `exports` folder (or a temporary one). */
    exportComparison: method<ExportedFile, HeapProgress>()(
      v.object({
        ...pair,
        format: v.picklist(EXPORT_FORMATS),
        /** False: object names that are values (strings, previews) are left out. */
        includeValues: v.optional(v.boolean(), true),
      }),
    ),
  },
});
