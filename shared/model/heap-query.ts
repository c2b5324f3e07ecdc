/**
 * Questions in SQL about a heap: what tables there are, what an answer looks like, and questions to begin with.
 * docs/query.md says the same at length; a test compares the two with the real tables.
 */

import type { NodeRef } from './heap.ts';

/** Rows an answer keeps; what comes after them is cut and said. */
export const MAX_QUERY_ROWS = 10_000;
/** Longest statement. */
export const MAX_QUERY_CHARS = 20_000;
/** Columns of an answer. */
export const MAX_QUERY_COLUMNS = 200;
/** UTF-16 units of a cell; longer values are cut and end in `…`. */
export const MAX_QUERY_CELL_CHARS = 1_000;

export type QueryValue = string | number | boolean | null;

export interface QueryColumn {
  readonly name: string;
  /** Type in DuckDB's words, such as `BIGINT`. */
  readonly type: string;
  readonly numeric: boolean;
  /** The values are objects: ordinals in the snapshot that was asked, or in the one it is compared with. */
  readonly objects: 'this' | 'base' | null;
}

export const QUERY_EXPORTS = ['csv', 'json'] as const;
export type QueryExport = (typeof QUERY_EXPORTS)[number];

/** What is known of an answer before its rows are read page by page. */
export interface QueryAnswer {
  /** Valid in this analysis host until some later answers took its place. */
  readonly answerId: number;
  readonly columns: readonly QueryColumn[];
  readonly rows: number;
  /** True: the statement gave more rows, these are the first. */
  readonly cut: boolean;
  /** Time of the statement itself. */
  readonly elapsedMs: number;
  /** Time to make the tables it used; 0 when they were there. */
  readonly loadedMs: number;
}

/** One row with its place in the order of the statement. */
export interface QueryRow {
  readonly index: number;
  readonly values: readonly QueryValue[];
  /** One entry a column: the object, where the column holds objects and there is one of that number. */
  readonly links: readonly (NodeRef | null)[];
}

export interface QueryTable {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly { readonly name: string; readonly about: string }[];
}

const SIZES = [
  { name: 'shallow_bytes', about: 'its own size' },
  { name: 'retained_bytes', about: 'what goes when it goes' },
];

/** The tables of a snapshot. With a second snapshot the same ones are in the schema `base`. */
export const QUERY_TABLES: readonly QueryTable[] = [
  {
    name: 'nodes',
    about: 'One row an object, in the order of the file.',
    columns: [
      { name: 'node', about: 'number of the object in this snapshot; shown as a link' },
      { name: 'id', about: 'heap id, the @123 of the views; V8 keeps it from snapshot to snapshot' },
      { name: 'name', about: 'name as the file has it, for strings the value, cut at 1,000 characters' },
      { name: 'class', about: 'class as in the summary' },
      { name: 'kind', about: 'node type: object, string, closure, …' },
      ...SIZES,
      { name: 'distance', about: 'references from the roots; null when not reached' },
      { name: 'edge_count', about: 'references it has' },
      { name: 'refcount', about: 'reference count (Python), else null' },
      { name: 'dominator', about: 'object that keeps it alone; null for the root' },
      { name: 'class_id', about: 'row in classes' },
      { name: 'is_new', about: 'not in the snapshot compared with; null without one (in base: is no longer there)' },
    ],
  },
  {
    name: 'edges',
    about: 'One row a reference.',
    columns: [
      { name: 'from_node', about: 'object that has the reference' },
      { name: 'to_node', about: 'object it points to' },
      { name: 'kind', about: 'edge type: property, element, internal, …' },
      { name: 'name', about: 'name, or the position as text' },
      { name: 'position', about: 'position of an element, else null' },
      { name: 'keeps_alive', about: 'counts for retained sizes (not weak)' },
    ],
  },
  {
    name: 'classes',
    about: 'One row a class, as in the summary.',
    columns: [
      { name: 'class_id', about: 'number of the class in this snapshot' },
      { name: 'name', about: 'name' },
      { name: 'kind', about: 'node type of the first object' },
      { name: 'objects', about: 'objects that have a size' },
      { name: 'shallow_bytes', about: 'their own sizes' },
      { name: 'retained_bytes', about: 'what goes when all of them go' },
      { name: 'distance', about: 'smallest distance from the roots' },
    ],
  },
  {
    name: 'dominators',
    about: 'The dominator tree: what an object keeps is a range of positions.',
    columns: [
      { name: 'node', about: 'object' },
      { name: 'dominator', about: 'its parent in the tree; null for the root' },
      { name: 'position', about: 'place in the tree, parents first' },
      { name: 'subtree_objects', about: 'objects it keeps, itself included: positions up to position + subtree_objects' },
      { name: 'retained_bytes', about: 'their sizes' },
    ],
  },
  {
    name: 'strings',
    about: 'Objects that are strings.',
    columns: [
      { name: 'node', about: 'the string object' },
      { name: 'text', about: 'its value, cut at 1,000 characters' },
      ...SIZES,
    ],
  },
];

export interface QueryExample {
  readonly title: string;
  readonly sql: string;
  /** It needs the snapshot that is compared with. */
  readonly needsBase?: boolean;
}

export const QUERY_EXAMPLES: readonly QueryExample[] = [
  {
    title: 'Classes that keep most',
    sql: 'SELECT name, objects, shallow_bytes, retained_bytes\nFROM classes\nORDER BY retained_bytes DESC\nLIMIT 50',
  },
  {
    title: 'Largest objects of a class',
    sql: "SELECT node, name, shallow_bytes, retained_bytes\nFROM nodes\nWHERE class = 'dict' OR class = 'Map'\nORDER BY retained_bytes DESC\nLIMIT 100",
  },
  {
    title: 'Who points to the objects of a class',
    sql: "SELECT holder.class AS holder, e.kind, count(*) AS \"references\", any_value(e.from_node) AS example_node\nFROM edges e\nJOIN nodes target ON target.node = e.to_node\nJOIN nodes holder ON holder.node = e.from_node\nWHERE target.class = 'dict' OR target.class = 'Map'\nGROUP BY ALL\nORDER BY \"references\" DESC\nLIMIT 100",
  },
  {
    title: 'Text that is there many times',
    sql: 'SELECT text, count(*) AS copies, sum(shallow_bytes) - max(shallow_bytes) AS wasted_bytes, min(node) AS first_node\nFROM strings\nGROUP BY text\nHAVING copies > 1\nORDER BY wasted_bytes DESC\nLIMIT 100',
  },
  {
    title: 'Objects with most references',
    sql: 'SELECT node, class, edge_count, retained_bytes\nFROM nodes\nORDER BY edge_count DESC\nLIMIT 100',
  },
  {
    title: 'What the largest object keeps, by class',
    sql: 'WITH largest AS (\n  SELECT d.* FROM dominators d JOIN nodes n USING (node)\n  WHERE n.dominator IS NOT NULL AND n.class NOT LIKE \'(%\'\n  ORDER BY d.retained_bytes DESC LIMIT 1\n)\nSELECT n.class, count(*) AS objects, sum(n.shallow_bytes) AS bytes, any_value(n.node) AS example_node\nFROM largest l\nJOIN dominators d ON d.position BETWEEN l.position AND l.position + l.subtree_objects - 1\nJOIN nodes n ON n.node = d.node\nGROUP BY n.class\nORDER BY bytes DESC',
  },
  {
    title: 'Sizes as a histogram',
    sql: 'SELECT 2 ** floor(log2(shallow_bytes)) AS from_bytes, count(*) AS objects, sum(shallow_bytes) AS bytes\nFROM nodes\nWHERE shallow_bytes > 0\nGROUP BY from_bytes\nORDER BY from_bytes',
  },
  {
    title: 'New objects by class',
    needsBase: true,
    sql: 'SELECT class, count(*) AS objects, sum(shallow_bytes) AS bytes, any_value(node) AS example_node\nFROM nodes\nWHERE is_new\nGROUP BY class\nORDER BY bytes DESC\nLIMIT 100',
  },
  {
    title: 'Classes then and now',
    needsBase: true,
    sql: 'SELECT name, b.objects AS before, a.objects AS after, coalesce(a.objects, 0) - coalesce(b.objects, 0) AS more\nFROM (SELECT name, sum(objects) AS objects FROM classes GROUP BY name) a\nFULL JOIN (SELECT name, sum(objects) AS objects FROM base.classes GROUP BY name) b USING (name)\nORDER BY more DESC\nLIMIT 100',
  },
];
