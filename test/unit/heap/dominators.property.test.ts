import { describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import type { HeapAnalysis } from '#main/heap/analysis.ts';
import { openHeap } from '#main/heap/open.ts';
import { retainedBytesOf } from '#main/heap/retained-set.ts';
import { EDGE_KINDS, NODE_KINDS, tempFile } from '#test/fixtures/heap/build.ts';
import { mulberry32 } from '#test/fixtures/heap/generate.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';

/** Edges as pairs; `weak` ones do not count. */
interface Graph {
  readonly nodes: number;
  readonly edges: readonly (readonly [from: number, to: number, weak: boolean])[];
}

function randomGraph(random: () => number): Graph {
  const nodes = 1 + Math.floor(random() * 24);
  const count = Math.floor(random() * nodes * (0.5 + random() * 3));
  const edges = Array.from({ length: count }, () => {
    const from = Math.floor(random() * nodes);
    const to = Math.floor(random() * nodes);
    return [from, to, random() < 0.1] as const;
  }).sort((a, b) => a[0] - b[0]);
  return { nodes, edges };
}

function textOf({ nodes, edges }: Graph): string {
  const counts = new Array<number>(nodes).fill(0);
  for (const [from] of edges) counts[from]!++;
  const object = NODE_KINDS.indexOf('object');
  return JSON.stringify({
    snapshot: {
      meta: {
        node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'],
        node_types: [NODE_KINDS, 'string', 'number', 'number', 'number'],
        edge_fields: ['type', 'name_or_index', 'to_node'],
        edge_types: [EDGE_KINDS, 'string_or_number', 'node'],
      },
      node_count: nodes,
      edge_count: edges.length,
    },
    nodes: counts.flatMap((count, node) => [object, 0, node + 1, 2 ** node, count]),
    edges: edges.flatMap(([, to, weak]) => [EDGE_KINDS.indexOf(weak ? 'weak' : 'property'), 0, to * 5]),
    strings: [''],
  });
}

/** What goes when a set of nodes goes, by definition: what is not reached without it. */
function naive({ nodes, edges }: Graph): { retained(set: readonly number[]): number; ordinary: readonly boolean[] } {
  const strong = edges.filter(([from, to, weak]) => !weak && from !== to);
  const held = new Set(strong.map(([, to]) => to));
  // Roots: node 0 and every node that nothing holds and node 0 does not reach.
  const reach = (roots: readonly number[], without: ReadonlySet<number>): Set<number> => {
    const reached = new Set<number>();
    const stack = roots.filter((node) => !without.has(node));
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (reached.has(node)) continue;
      reached.add(node);
      for (const [from, to] of strong) if (from === node && !without.has(to)) stack.push(to);
    }
    return reached;
  };
  const roots = [0, ...Array.from({ length: nodes }, (_, node) => node).filter((node) => node > 0 && !held.has(node))];
  const all = reach(roots, new Set());
  return {
    ordinary: Array.from({ length: nodes }, (_, node) => all.has(node)),
    retained(set) {
      const left = reach(roots, new Set(set));
      let bytes = 0;
      for (const node of all) if (!left.has(node)) bytes += 2 ** node;
      return bytes;
    },
  };
}

function expectTree(analysis: HeapAnalysis, nodes: number): void {
  const { domOrder, domPosition, domSize, dominator } = analysis;
  expect([...domOrder].sort((a, b) => a - b)).toEqual(Array.from({ length: nodes }, (_, node) => node));
  for (let node = 0; node < nodes; node++) {
    expect(domOrder[domPosition[node]!]).toBe(node);
    const above = dominator[node]!;
    expect(domPosition[node]! >= domPosition[above]!).toBe(true);
    expect(domPosition[node]! + domSize[node]! <= domPosition[above]! + domSize[above]!).toBe(true);
  }
}

describe('dominators against the definition', () => {
  it('agrees on 300 random graphs, for single nodes and for sets', async () => {
    const random = mulberry32(20_260);
    for (let round = 0; round < 300; round++) {
      const graph = randomGraph(random);
      const heap = await openHeap(tempFile(textOf(graph)));
      const analysis = await analyseHeap(heap);
      const expected = naive(graph);
      expectTree(analysis, graph.nodes);
      for (let node = 1; node < graph.nodes; node++) {
        const bytes = expected.ordinary[node]! ? expected.retained([node]) : 2 ** node;
        expect(analysis.retained[node], `round ${round}, node ${node}`).toBe(bytes);
      }
      expect(analysis.retained[0]).toBe(2 ** graph.nodes - 1);
      const set = Array.from({ length: graph.nodes }, (_, node) => node).filter(
        (node) => node > 0 && expected.ordinary[node]! && random() < 0.3,
      );
      // The union by dominators counts what single members hold; what only all of them together hold is not in it.
      const union = await retainedBytesOf(heap, Uint32Array.from(set));
      const single = set.map((node) => analysis.retained[node]!);
      expect(union).toBeGreaterThanOrEqual(Math.max(0, ...single));
      expect(union).toBeLessThanOrEqual(expected.retained(set));
    }
  }, 60_000);
});

describe('large shapes', () => {
  it('a list of a million links', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 1_000_000, shape: 'list' }));
    const { retained, distance } = await analyseHeap(heap);
    expect(retained[1]).toBe(999_999);
    expect(retained[999_999]).toBe(1);
    expect(distance[999_999]).toBe(999_999);
  }, 60_000);

  it('a list of a million links in both directions', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 1_000_000, shape: 'double list' }));
    const { retained } = await analyseHeap(heap);
    expect(retained[1]).toBe(999_999);
    expect(retained[500_000]).toBe(500_000);
  }, 60_000);

  it('a node with a million children', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 1_000_002, shape: 'star' }));
    const { retained, dominator } = await analyseHeap(heap);
    expect(retained[1]).toBe(1_000_001);
    expect(dominator[1_000_001]).toBe(1);
  }, 60_000);

  it('a complete graph of 1,500 nodes', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 1_500, shape: 'complete' }));
    const { retained } = await analyseHeap(heap);
    expect(retained[1]).toBe(1);
    expect(retained[0]).toBe(1_499);
  }, 60_000);
});
