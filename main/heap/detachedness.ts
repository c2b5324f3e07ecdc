import { EDGE_KIND } from './heap.ts';
import type { KindNumbers } from './heap.ts';
import type { RawHeap } from './raw-heap.ts';
import { untilDone } from './run.ts';
import type { RunOptions } from './run.ts';

export const ATTACHED = 1;
export const DETACHED = 2;

/**
 * Spreads what is known about DOM nodes, in place, as Chrome DevTools does: first everything reachable from an
 * attached node is attached, then everything else reachable from a detached one is detached. Only native nodes take
 * part (script objects are not followed), hidden, invisible and weak edges do not count. O(nodes + edges).
 */
export async function spreadDetachedness(raw: RawHeap, kinds: KindNumbers, run?: RunOptions): Promise<void> {
  const state = raw.detachedness;
  if (!state) return;
  const { nodeCount, nodeKind, firstEdge, edgeKind, edgeTo } = raw;
  const stacks: Record<number, number[]> = { [ATTACHED]: [], [DETACHED]: [] };
  const visited = new Uint8Array(nodeCount);
  const take = (node: number, newState: number): void => {
    if (visited[node] === 1) return;
    visited[node] = 1;
    if (nodeKind[node] !== kinds.native) return;
    state[node] = newState;
    stacks[newState]?.push(node);
  };
  let known = 0;
  for (let node = 0; node < nodeCount; node++) {
    if (state[node] === 0) continue;
    known++;
    take(node, state[node]!);
  }
  if (known === 0) return;
  const skips = new Uint8Array(256);
  for (const kind of [kinds.edgeHidden, kinds.edgeInvisible, kinds.edgeWeak]) if (kind >= 0) skips[kind] = 1;
  for (const spread of [ATTACHED, DETACHED]) {
    const stack = stacks[spread]!;
    let done = 0;
    await untilDone(run, 'classes', nodeCount, () => done, () => {
      for (let budget = 0; budget < 10_000; budget++) {
        const node = stack.pop();
        if (node === undefined) return true;
        done++;
        for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
          if (skips[edgeKind[edge]! & EDGE_KIND] === 0) take(edgeTo[edge]!, spread);
        }
      }
      return false;
    });
  }
}
