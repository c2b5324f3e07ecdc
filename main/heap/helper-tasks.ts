import { closeSync, openSync } from 'node:fs';

import { release } from './columns.ts';
import type { Column } from './columns.ts';
import { buildDominators, searchDepthFirst } from './dominators.ts';
import type { DominatorTree, SearchTree } from './dominators.ts';
import { findEdges, readEdgesForward } from './edge-halves.ts';
import type { EdgeHalf, EdgeHalves } from './edge-halves.ts';
import { markEssentialEdges } from './essential.ts';
import type { Graph } from './essential.ts';
import { sliceReader } from './index-reading.ts';
import type { SharedRead } from './index-reading.ts';
import { knownStrings } from './known-strings.ts';
import type { WeakMapNames } from './heap.ts';
import type { RunOptions } from './run.ts';

/** What a helper thread can be asked to do. Columns are shared, nothing is copied. */
export interface HelperTasks {
  /** The front of the edges, which follow the nodes that begin at that offset (edge-halves.ts). */
  edges(input: { path: string; nodes: number; halves: EdgeHalves }): { start: number; half: EdgeHalf } | null;
  /** Marks essential edges. The graph stays with the helper for the tasks that follow. */
  essential(input: SharedGraph, run: RunOptions): Promise<null>;
  /** Numbers the nodes depth first; the result stays with the helper. */
  search(input: null, run: RunOptions): Promise<null>;
  /** Slices of an index file, as long as there are any (index-reading.ts). */
  columns(input: { file: string; read: SharedRead }): null;
  dominators(
    input: { shallow: Column; firstRetainer: Uint32Array; retainer: Uint32Array },
    run: RunOptions,
  ): Promise<DominatorTree>;
}

/** A graph as it travels: `known` has functions, so what it found goes instead. */
export type SharedGraph = Omit<Graph, 'known'> & { found: ReadonlyMap<string, number>; weakMaps: WeakMapNames };

export function createHelperTasks(): HelperTasks {
  let graph: Graph | null = null;
  let held: Uint8Array | null = null;
  let tree: SearchTree | null = null;
  return {
    edges({ path, nodes, halves }) {
      const file = openSync(path, 'r');
      try {
        const start = findEdges(file, nodes);
        const half = start < 0 ? null : readEdgesForward(file, { ...halves, start });
        return half && { start, half };
      } finally {
        closeSync(file);
      }
    },
    columns({ file, read }) {
      const handle = openSync(file, 'r');
      try {
        const next = sliceReader(handle, read);
        while (next() > 0);
      } finally {
        closeSync(handle);
      }
      return null;
    },
    async essential({ found, weakMaps, ...columns }, run) {
      graph = { ...columns, known: knownStrings(found, weakMaps) };
      held = await markEssentialEdges(graph, run);
      return null;
    },
    async search(_input, run) {
      if (!graph || !held) throw new Error('The helper has no graph to search');
      tree = await searchDepthFirst(graph, held, run);
      release(held);
      held = null;
      return null;
    },
    async dominators({ shallow, firstRetainer, retainer }, run) {
      if (!graph || !tree) throw new Error('The helper has not searched the graph');
      const search = tree;
      tree = null;
      return buildDominators(graph, shallow, search, firstRetainer, retainer, run);
    },
  };
}
