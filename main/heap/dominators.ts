import { float64, release, scratch, uint32 } from './columns.ts';
import type { Column } from './columns.ts';
import type { Graph } from './essential.ts';
import { EDGE_ESSENTIAL, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { inSlices, untilDone } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * Immediate dominators by Semi-NCA (L. Georgiadis, R. Tarjan, R. Werneck: Finding Dominators in Practice, 2006), over
 * essential edges. O(edges · log nodes) by path compression, in practice linear; no recursion. All work arrays are
 * indexed by depth-first number, so that a node's neighbours in the search lie near each other.
 *
 * What the root does not reach, as Chrome DevTools has it: a node without essential retainers is a root of its own
 * below the root; what is left then (cycles that hold themselves) hangs on the root node by node.
 */
export interface DominatorTree {
  readonly dominator: Uint32Array;
  /** 32 bits where the sum of all sizes fits. */
  readonly retained: Column;
  readonly domOrder: Uint32Array;
  readonly domPosition: Uint32Array;
  readonly domSize: Uint32Array;
  /** Room for a number by node that is free again, for the next phase. */
  readonly scratch: Uint32Array;
}

/** Edges looked at per slice. */
const SLICE_EDGES = 1 << 16;

/** The same of a native loop: some milliseconds. */
const NATIVE_BUDGET = 1 << 18;

/** A depth-first search over essential edges. `number` by node, the others by number. */
export interface SearchTree {
  readonly reached: number;
  readonly number: Uint32Array;
  readonly vertex: Uint32Array;
  readonly parent: Uint32Array;
  /** Two entries per node that are free again. */
  readonly scratch: Uint32Array;
}

/** Needs nothing but `markEssentialEdges`; `held` is from there. */
export async function searchDepthFirst(heap: Graph, held: Uint8Array, run?: RunOptions): Promise<SearchTree> {
  const { nodeCount } = heap;
  const number = uint32(nodeCount).fill(NONE);
  const vertex = uint32(nodeCount);
  const parent = uint32(nodeCount);
  const room = uint32(2 * nodeCount);
  const stack = room.subarray(0, nodeCount);
  const cursor = room.subarray(nodeCount);
  const reached = await depthFirst(heap, held, { number, vertex, parent, stack, cursor }, run);
  return { reached, number, vertex, parent, scratch: room };
}

export async function buildDominators(
  heap: Pick<Heap, 'nodeCount' | 'root'>,
  shallow: Column,
  search: SearchTree,
  firstRetainer: Uint32Array,
  retainer: Uint32Array,
  run?: RunOptions,
): Promise<DominatorTree> {
  const { nodeCount, root } = heap;
  const { reached, number, vertex, parent } = search; // parent becomes idom
  const link = search.scratch;
  const semi = uint32(nodeCount);
  const loops = native();
  const sliced = (count: number, body: (from: number, to: number) => void): Promise<void> =>
    inSlices(run, 'dominators', count, 1 << 17, body);
  await sliced(reached, (from, to) => {
    if (loops) return loops.beginLinks(parent, link, from, to);
    for (let i = from; i < to; i++) {
      link[2 * i] = 2 * parent[i]!;
      link[2 * i + 1] = i;
    }
  });
  await semidominators(reached, { number, vertex, link, semi }, firstRetainer, retainer, run);

  // The immediate dominator is the nearest ancestor in the depth-first tree that is not below the semidominator.
  const idom = parent;
  await sliced(reached, (from, to) => {
    if (loops) return loops.immediate(semi, idom, from, to);
    for (let i = Math.max(1, from); i < to; i++) {
      const limit = semi[i]!;
      let above = idom[i]!;
      while (above > limit) above = idom[above]!;
      idom[i] = above;
    }
  });

  // Sizes bottom-up, positions in preorder top-down; both by number.
  let total = 0;
  await sliced(nodeCount, (from, to) => {
    for (let node = from; node < to; node++) total += shallow[node]!;
  });
  const size = link.subarray(0, nodeCount);
  const retained = total <= 0xffffffff ? link.subarray(nodeCount) : float64(nodeCount);
  retained.set(shallow);
  size.fill(1, 0, reached);
  await sliced(reached, (from, to) => {
    if (loops) return loops.treeSizes(idom, vertex, size, retained, reached, from, to);
    for (let i = reached - 1 - from; i >= reached - to; i--) {
      if (i === 0) break;
      const above = idom[i]!;
      size[above]! += size[i]!;
      retained[vertex[above]!]! += retained[vertex[i]!]!;
    }
  });
  // Where the next child of each goes; when all have their place, that is the end of what it dominates.
  const next = semi;
  next[0] = 1;
  await sliced(reached, (from, to) => {
    if (loops) return loops.treePositions(idom, size, next, from, to);
    for (let i = Math.max(1, from); i < to; i++) {
      const above = idom[i]!;
      const at = next[above]!;
      next[above] = at + size[i]!;
      next[i] = at + 1;
    }
  });
  const position = next;
  await sliced(reached, (from, to) => {
    for (let i = from; i < to; i++) position[i]! -= size[i]!;
  });

  // Back to nodes, each column into one that is no longer needed.
  const dominator = number;
  await sliced(nodeCount, (from, to) => {
    for (let node = from; node < to; node++) if (number[node] === NONE) dominator[node] = root;
  });
  await sliced(reached, (from, to) => {
    if (loops) return loops.scatterDominators(vertex, idom, dominator, from, to);
    for (let i = from; i < to; i++) dominator[vertex[i]!] = vertex[idom[i]!]!;
  });
  const domPosition = parent;
  domPosition.fill(NONE);
  await sliced(reached, (from, to) => {
    if (loops) return loops.scatter(vertex, position, domPosition, from, to);
    for (let i = from; i < to; i++) domPosition[vertex[i]!] = position[i]!;
  });
  const domSize = semi;
  await sliced(reached, (from, to) => {
    if (loops) return loops.scatter(vertex, size, domSize, from, to);
    for (let i = from; i < to; i++) domSize[vertex[i]!] = size[i]!;
  });
  const domOrder = vertex;
  await sliced(nodeCount, (from, to) => {
    if (loops) return loops.scatterOrder(domPosition, domOrder, from, to);
    for (let node = from; node < to; node++) if (domPosition[node] !== NONE) domOrder[domPosition[node]!] = node;
  });
  let at = reached;
  await sliced(at < nodeCount ? nodeCount : 0, (from, to) => {
    for (let node = from; node < to; node++) {
      if (domPosition[node] !== NONE) continue;
      domOrder[at] = node;
      domPosition[node] = at++;
      domSize[node] = 1;
      domSize[root]!++;
      retained[root]! += retained[node]!;
    }
  });
  return { dominator, retained, domOrder, domPosition, domSize, scratch: size };
}

interface Search {
  readonly number: Uint32Array;
  readonly vertex: Uint32Array;
  readonly parent: Uint32Array;
  readonly stack: Uint32Array;
  readonly cursor: Uint32Array;
}

/** Numbers the nodes in depth-first order; returns how many are reached. */
async function depthFirst(
  heap: Graph,
  held: Uint8Array,
  search: Search,
  run: RunOptions | undefined,
): Promise<number> {
  const { nodeCount, root, firstEdge, edgeKind, edgeTo } = heap;
  const { number, vertex, parent, stack, cursor } = search;
  const loops = native();
  if (loops) {
    const visited = new Uint32Array((nodeCount + 31) >>> 5);
    const state = new Float64Array(3);
    for (const orphans of [0, 1]) {
      const step = (): boolean =>
        loops.depthFirst(firstEdge, edgeKind, edgeTo, held, number, vertex, parent, stack, cursor, visited, state, root, orphans, NATIVE_BUDGET) === 1;
      await untilDone(run, 'dominators', nodeCount, () => state[0]!, step);
    }
    return state[0]!;
  }
  let reached = 0;
  let depth = 0;
  const enter = (node: number, from: number): void => {
    number[node] = reached;
    vertex[reached] = node;
    parent[reached] = from;
    stack[depth] = node;
    cursor[depth] = firstEdge[node]!;
    reached++;
    depth++;
  };
  /** Runs until the stack is empty or the budget is used up. */
  const search1 = (): boolean => {
    let budget = SLICE_EDGES;
    while (depth > 0) {
      const node = stack[depth - 1]!;
      const end = firstEdge[node + 1]!;
      let edge = cursor[depth - 1]!;
      const begin = edge;
      let child = NONE;
      while (edge < end) {
        if (edgeKind[edge]! & EDGE_ESSENTIAL) {
          const target = edgeTo[edge]!;
          if (number[target] === NONE) {
            child = target;
            edge++;
            break;
          }
        }
        edge++;
      }
      cursor[depth - 1] = edge;
      budget -= edge - begin + 1;
      if (child === NONE) depth--;
      else enter(child, number[node]!);
      if (budget <= 0) return depth === 0;
    }
    return true;
  };

  enter(root, 0);
  await untilDone(run, 'dominators', nodeCount, () => reached, search1);
  // Nodes that nothing essential holds begin a search of their own, below the root.
  let orphan = 0;
  await untilDone(run, 'dominators', nodeCount, () => reached, () => {
    if (depth > 0 && !search1()) return false;
    for (let budget = SLICE_EDGES; orphan < nodeCount && budget > 0; orphan++, budget--) {
      if (reached === nodeCount) return true;
      if (number[orphan] !== NONE || held[orphan] !== 0) continue;
      enter(orphan, 0);
      orphan++;
      return false;
    }
    return orphan >= nodeCount;
  });
  return reached;
}

function signed(column: Uint32Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length);
}

interface Semi {
  readonly number: Uint32Array;
  readonly vertex: Uint32Array;
  /** By number, two entries each: ancestor in the compressed forest, and the least semidominator up to there. */
  readonly link: Uint32Array;
  readonly semi: Uint32Array;
}

/**
 * Semidominators, from the last number to the first. The second entry of `link` is the least semidominator on the
 * compressed path above a vertex: Semi-NCA needs its value only, not the node that has it. Both entries are asked for
 * together, so they share a line of the cache.
 */
async function semidominators(
  reached: number,
  search: Semi,
  firstRetainer: Uint32Array,
  sources: Uint32Array,
  run: RunOptions | undefined,
): Promise<void> {
  const loops = native();
  if (loops && reached > 0) {
    const state = Float64Array.of(reached - 1);
    const path = scratch(reached);
    const step = (): boolean =>
      loops.semidominators(search.number, search.vertex, search.link, search.semi, firstRetainer, sources, path, state, NATIVE_BUDGET, reached) === 1;
    await untilDone(run, 'dominators', reached, () => reached - state[0]!, step);
    release(path);
    return;
  }
  // Everything fits 31 bits (MAX_NODES), which spares the compiler the care for larger numbers: a quarter of the time.
  const number = signed(search.number);
  const vertex = signed(search.vertex);
  const link = signed(search.link);
  const semi = signed(search.semi);
  const retainer = signed(sources);
  let stack = new Int32Array(1024);
  /** Everything here is twice the number. */
  const evaluate = (start: number, linked: number): number => {
    let v = start;
    let depth = 0;
    let above = link[v]!;
    do {
      if (depth === stack.length) {
        const grown = new Int32Array(stack.length * 2);
        grown.set(stack);
        stack = grown;
      }
      stack[depth++] = v;
      v = above;
      above = link[v]!;
    } while (above >= linked);
    // v is the highest linked vertex of the path: everything below it points past it afterwards.
    let least = link[v + 1]!;
    while (depth > 0) {
      v = stack[--depth]!;
      link[v] = above;
      if (link[v + 1]! > least) link[v + 1] = least;
      else least = link[v + 1]!;
    }
    return least;
  };
  let i = reached - 1;
  await untilDone(run, 'dominators', reached, () => reached - i, () => {
    for (let budget = SLICE_EDGES; i > 0 && budget > 0; i--) {
      const node = vertex[i]!;
      const end = firstRetainer[node + 1]!;
      const begin = firstRetainer[node]!;
      const linked = (2 * i + 2) | 0;
      let least = link[2 * i]! >>> 1;
      // A single retainer is the parent in the search, which `least` is already; below the root there is nothing.
      if (end - begin > 1) {
        for (let at = begin; at < end && least > 0; at++) {
          const source = retainer[at]!;
          if (source < 0) continue; // RETAINER_WEAK
          const v = number[source]!;
          if (v < 0) continue; // NONE: held by itself only, no part of the tree
          // What comes before in the search is not linked yet and stands for itself.
          let value = v;
          if (v > i) {
            const low = v << 1;
            value = link[low + 1]!;
            const above = link[low]!;
            if (above >= linked) {
              const higher = link[above]!;
              if (higher < linked) {
                // The path has one step, as most have.
                const other = link[above + 1]!;
                link[low] = higher;
                if (other < value) link[low + 1] = value = other;
              } else value = evaluate(low, linked) | 0;
            }
          }
          if (value < least) least = value;
        }
      }
      budget -= end - begin + 1;
      semi[i] = least;
      link[2 * i + 1] = least;
    }
    return i <= 0;
  });
}
