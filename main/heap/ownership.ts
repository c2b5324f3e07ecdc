import { float64, release, scratch } from './columns.ts';
import type { Column } from './columns.ts';
import { EDGE_KIND } from './heap.ts';
import type { KindNumbers } from './heap.ts';
import type { KnownStrings } from './known-strings.ts';
import type { RawHeap } from './raw-heap.ts';
import { native as nativeLoops } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

const UNVISITED = 0xffffffff;
const SHARED = 0xfffffffe;

/**
 * True when the root holds something that is not synthetic: the global objects. Snapshots without them (internals
 * exposed, other producers) are shown as they are.
 */
export function hasUserRoots(raw: Pick<RawHeap, 'firstEdge' | 'edgeTo' | 'nodeKind'>, root: number, kinds: KindNumbers): boolean {
  for (let edge = raw.firstEdge[root]!; edge < raw.firstEdge[root + 1]!; edge++) {
    if (raw.nodeKind[raw.edgeTo[edge]!] !== kinds.synthetic) return true;
  }
  return false;
}

/**
 * Shallow sizes as Chrome DevTools shows them: a hidden node, array or external string that exactly one object owns
 * counts at that object. Owner of a node = the one non-hidden node from which it is reached over hidden nodes and
 * non-weak edges. Returns a new column when sizes are moved, which may be wider: owners may exceed 4 GiB.
 * O(nodes + edges); each node is visited at most twice. `owners` is room that is overwritten.
 */
export async function moveOwnedSizes(
  raw: RawHeap,
  kinds: KindNumbers,
  known: KnownStrings,
  run?: RunOptions,
  owners: Uint32Array = scratch(raw.nodeCount),
): Promise<Column> {
  const { nodeCount, nodeKind, nodeName, firstEdge, edgeKind, edgeTo, header } = raw;
  if (!hasUserRoots(raw, header.root, kinds)) return raw.selfSize;
  const externalString = known.indexOf('system / ExternalStringData');
  const hidden = kinds.hidden;
  const array = kinds.array;
  const native = kinds.native;
  const weak = kinds.edgeWeak;
  const isOwner = (node: number): boolean => {
    const kind = nodeKind[node]!;
    return !(kind === hidden || kind === array || (kind === native && nodeName[node] === externalString));
  };
  let total = 0;
  const loops = nativeLoops();
  await inSlices(run, 'sizes', nodeCount, 1 << 17, (from, to) => {
    if (loops) {
      total += loops.beginOwners(nodeKind, nodeName, raw.selfSize, owners, from, to, hidden, array, native, externalString);
      return;
    }
    for (let node = from; node < to; node++) {
      owners[node] = isOwner(node) ? node : UNVISITED;
      total += raw.selfSize[node]!;
    }
  });

  const stack: number[] = [];
  const spread = (node: number): void => {
    const owner = owners[node]!;
    const end = firstEdge[node + 1]!;
    for (let edge = firstEdge[node]!; edge < end; edge++) {
      const target = edgeTo[edge]!;
      const known = owners[target]!;
      if (known === target || known === owner || known === SHARED || (edgeKind[edge]! & EDGE_KIND) === weak) continue;
      owners[target] = known === UNVISITED ? owner : SHARED;
      stack.push(target);
    }
  };
  const room = loops ? scratch(2 * nodeCount) : null;
  await inSlices(run, 'sizes', nodeCount, 1 << 15, (from, to) => {
    if (loops) {
      loops.spreadOwners(firstEdge, edgeKind, edgeTo, owners, room!, from, to, weak);
      return;
    }
    for (let node = from; node < to; node++) {
      if (!isOwner(node)) continue;
      spread(node);
      for (let next = stack.pop(); next !== undefined; next = stack.pop()) spread(next);
    }
  });

  if (room) release(room);

  let sizes = raw.selfSize;
  if (total > 0xffffffff && sizes instanceof Uint32Array) {
    sizes = float64(nodeCount);
    sizes.set(raw.selfSize);
  }
  await inSlices(run, 'sizes', nodeCount, 1 << 16, (from, to) => {
    if (loops) {
      loops.moveSizes(nodeKind, owners, sizes, from, to, kinds.synthetic, header.root);
      return;
    }
    for (let node = from; node < to; node++) {
      const owner = owners[node]!;
      if (owner === node || owner === UNVISITED || owner === SHARED) continue;
      if (nodeKind[owner] === kinds.synthetic || owner === header.root) continue;
      const size = sizes[node]!;
      sizes[node] = 0;
      sizes[owner]! += size;
    }
  });
  return sizes;
}
