import { readFileSync } from 'node:fs';

/** Just enough of a `.heapsnapshot` reader for the tests; independent of the product's engine. */
export interface Snapshot {
  readonly nodeCount: number;
  readonly header: Record<string, unknown>;
  readonly strings: readonly string[];
  name(node: number): string;
  type(node: number): string;
  className(node: number): string;
  selfSize(node: number): number;
  id(node: number): number;
  refcount(node: number): number;
  edges(node: number): Edge[];
  /** Nodes of a class, in file order. */
  ofClass(name: string): number[];
  /** Names of edges and nodes on a shortest path from the root, weak edges left out. */
  path(node: number): string[] | undefined;
  reachable(): Set<number>;
}

export interface Edge {
  readonly type: string;
  readonly name: string;
  readonly to: number;
}

interface File {
  snapshot: {
    meta: { node_fields: string[]; node_types: [string[]]; edge_fields: string[]; edge_types: [string[]] };
    node_count: number;
    edge_count: number;
    heaphouse: Record<string, unknown>;
  };
  nodes: number[];
  edges: number[];
  strings: string[];
}

export function readSnapshot(path: string): Snapshot {
  return parseSnapshot(readFileSync(path, 'utf8'));
}

export function parseSnapshot(text: string): Snapshot {
  const file = JSON.parse(text) as File;
  const { meta } = file.snapshot;
  const width = meta.node_fields.length;
  const at = (field: string): number => {
    const place = meta.node_fields.indexOf(field);
    if (place < 0) throw new Error(`no node field ${field}`);
    return place;
  };
  const [TYPE, NAME, ID, SIZE, EDGES, REFS, CLASS] = ['type', 'name', 'id', 'self_size', 'edge_count', 'refcount', 'class_name'].map(at) as [
    number, number, number, number, number, number, number,
  ];
  const nodeCount = file.snapshot.node_count;
  if (file.nodes.length !== nodeCount * width) throw new Error('node_count does not match the nodes');
  if (file.edges.length !== file.snapshot.edge_count * 3) throw new Error('edge_count does not match the edges');
  const first = new Uint32Array(nodeCount + 1);
  const number = (node: number, field: number): number => file.nodes[node * width + field] as number;
  for (let node = 0; node < nodeCount; node++) first[node + 1] = (first[node] as number) + number(node, EDGES);
  if (first[nodeCount] !== file.snapshot.edge_count) throw new Error('edge counts of the nodes do not add up');
  const string = (index: number): string => {
    const found = file.strings[index];
    if (found === undefined) throw new Error(`no string ${index}`);
    return found;
  };
  const edges = (node: number): Edge[] => {
    const found: Edge[] = [];
    for (let edge = first[node] as number; edge < (first[node + 1] as number); edge++) {
      const type = meta.edge_types[0][file.edges[edge * 3] as number] as string;
      const value = file.edges[edge * 3 + 1] as number;
      const to = file.edges[edge * 3 + 2] as number;
      if (to % width !== 0 || to >= file.nodes.length) throw new Error(`edge to nowhere: ${to}`);
      found.push({ type, name: type === 'element' || type === 'hidden' ? String(value) : string(value), to: to / width });
    }
    return found;
  };
  let parents: Map<number, { node: number; edge: string }> | undefined;
  const search = (): Map<number, { node: number; edge: string }> => {
    if (parents) return parents;
    parents = new Map();
    const queue = [0];
    for (let head = 0; head < queue.length; head++) {
      const node = queue[head] as number;
      for (const edge of edges(node)) {
        if (edge.type === 'weak' || edge.to === 0 || parents.has(edge.to)) continue;
        parents.set(edge.to, { node, edge: edge.name });
        queue.push(edge.to);
      }
    }
    return parents;
  };
  return {
    nodeCount,
    header: file.snapshot.heaphouse,
    strings: file.strings,
    name: (node) => string(number(node, NAME)),
    type: (node) => meta.node_types[0][number(node, TYPE)] as string,
    className: (node) => string(number(node, CLASS)),
    selfSize: (node) => number(node, SIZE),
    id: (node) => number(node, ID),
    refcount: (node) => number(node, REFS),
    edges,
    ofClass: (name) => {
      const index = file.strings.indexOf(name);
      const found: number[] = [];
      for (let node = 0; node < nodeCount; node++) if (number(node, CLASS) === index) found.push(node);
      return found;
    },
    path: (node) => {
      const found = search();
      const steps: string[] = [];
      for (let here = node; here !== 0; ) {
        const parent = found.get(here);
        if (!parent) return undefined;
        steps.unshift(parent.edge, string(number(here, NAME)));
        here = parent.node;
      }
      return steps;
    },
    reachable: () => new Set([0, ...search().keys()]),
  };
}
