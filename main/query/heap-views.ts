/** The tables users ask (shared/model/heap-query.ts), as views over the stored ones, and what each of them needs. */
import type { Heap } from '#main/heap/heap.ts';
import { NONE } from '#main/heap/heap.ts';
import type { StoredTable } from './heap-tables.ts';

const NODE_PARTS: readonly StoredTable[] = ['node_rows', 'string_rows', 'class_rows', 'node_kinds'];

/** Stored tables behind each view. */
export const NEEDED: Readonly<Record<string, readonly StoredTable[]>> = {
  nodes: NODE_PARTS,
  edges: ['edge_rows', 'string_rows', 'edge_kinds'],
  classes: ['class_rows', 'node_kinds'],
  dominators: ['node_rows', 'tree_rows'],
  strings: NODE_PARTS,
};

export interface HeapView {
  name: string;
  sql: string;
}

/** `schema` holds the stored tables. Texts come from the heap as numbers only: nothing of the file enters the SQL. */
export function heapViews(heap: Heap, schema: string): HeapView[] {
  const { kinds } = heap;
  const stringKinds = [kinds.string, kinds.consString, kinds.slicedString].filter((kind) => kind >= 0).join(', ') || '255';
  const numbered = [kinds.edgeElement, kinds.edgeHidden].filter((kind) => kind >= 0).join(', ') || '255';
  const at = (table: StoredTable) => `${schema}.${table}`;
  return [
    {
      name: 'nodes',
      sql: `SELECT n.node, n.id, s.text AS name, c.name AS class, k.name AS kind, n.shallow_bytes, n.retained_bytes,
        nullif(n.distance, ${NONE}) AS distance, n.edge_count, nullif(n.refcount, ${NONE}) AS refcount,
        nullif(n.dominator, ${NONE}) AS dominator, n.class_id, CASE n.is_new WHEN 0 THEN false WHEN 1 THEN true END AS is_new
        FROM ${at('node_rows')} n
        LEFT JOIN ${at('string_rows')} s ON s.string_id = n.name_id
        LEFT JOIN ${at('class_rows')} c ON c.class_id = n.class_id
        LEFT JOIN ${at('node_kinds')} k ON k.kind_id = n.kind_id`,
    },
    {
      name: 'edges',
      sql: `SELECT e.from_node, e.to_node, k.name AS kind,
        CASE WHEN e.kind_id IN (${numbered}) THEN e.name_id::VARCHAR ELSE s.text END AS name,
        CASE WHEN e.kind_id IN (${numbered}) THEN e.name_id END AS position,
        e.keeps_alive = 1 AS keeps_alive
        FROM ${at('edge_rows')} e
        LEFT JOIN ${at('string_rows')} s ON s.string_id = e.name_id
        LEFT JOIN ${at('edge_kinds')} k ON k.kind_id = e.kind_id`,
    },
    {
      name: 'classes',
      sql: `SELECT c.class_id, c.name, k.name AS kind, c.objects, c.shallow_bytes, c.retained_bytes, nullif(c.distance, ${NONE}) AS distance
        FROM ${at('class_rows')} c LEFT JOIN ${at('node_kinds')} k ON k.kind_id = c.kind_id`,
    },
    {
      name: 'dominators',
      sql: `SELECT t.node, nullif(n.dominator, ${NONE}) AS dominator, t.position, t.subtree_objects, n.retained_bytes
        FROM ${at('tree_rows')} t JOIN ${at('node_rows')} n ON n.node = t.node`,
    },
    {
      name: 'strings',
      sql: `SELECT n.node, s.text, n.shallow_bytes, n.retained_bytes
        FROM ${at('node_rows')} n LEFT JOIN ${at('string_rows')} s ON s.string_id = n.name_id WHERE n.kind_id IN (${stringKinds})`,
    },
  ];
}
