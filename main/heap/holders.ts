import type { HolderDescription, HolderGroup } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analysis.ts';
import { uint32 } from './columns.ts';
import { quiet } from './filter.ts';
import { createFolder, ROOT_FOLD } from './folding.ts';
import type { Folder } from './folding.ts';
import { checkOrdinal, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { holderTree } from './holder-tree.ts';
import type { HolderTree } from './holder-tree.ts';
import { nodeRef } from './nodes.ts';
import { orderByNumber } from './order.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { nearestHolder } from './shortest.ts';

/** So few objects are not worth finding the holders of all. */
const FEW_OBJECTS = 64;

export interface HolderOptions extends RunOptions {
  /** Groups wanted, default 20. */
  readonly limit?: number;
}

/** Where an object hangs, in words, by its shortest path. Waits for the analysis. */
export async function describeHolder(heap: Heap, ordinal: number, run?: RunOptions): Promise<HolderDescription> {
  checkOrdinal(heap, ordinal);
  const analysis = await analyseHeap(heap, run);
  const folder = createFolder(heap);
  const fold = createFoldOf(heap, analysis, folder, null)(ordinal);
  return { text: folder.holderText(fold), owner: ownerOf(heap, folder, fold), steps: folder.steps(fold) };
}

/**
 * Groups objects by the folded path that holds them, most objects first: list indices, dict keys and hash nodes read
 * as one edge `[*]`, parts of the runtime are passed over, chains of equal links read as one. Waits for the analysis.
 * O(set + nodes on the paths), and once per heap O(nodes + edges) when the set is not small.
 */
export async function holdersOf(
  heap: Heap,
  ordinals: Uint32Array,
  options: HolderOptions = {},
): Promise<HolderGroup[]> {
  const analysis = await analyseHeap(heap, options);
  const folder = createFolder(heap);
  const tree = ordinals.length > FEW_OBJECTS ? await holderTree(heap, analysis, options) : null;
  const foldOf = createFoldOf(heap, analysis, folder, tree);
  // In preorder of the dominator tree, an object inside of another one of its group comes after it.
  const order = await orderByNumber(ordinals.length, (i) => analysis.domPosition[ordinals[i]!]!, false, options);
  interface Group {
    objects: number;
    shallowBytes: number;
    retainedBytes: number;
    coveredTo: number;
    example: number;
  }
  const groups = new Map<number, Group>();
  await inSlices(quiet(options), 'aggregates', order.length, 256, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[order[i]!]!;
      const fold = foldOf(node);
      let group = groups.get(fold);
      if (!group) {
        group = { objects: 0, shallowBytes: 0, retainedBytes: 0, coveredTo: 0, example: node };
        groups.set(fold, group);
      }
      group.objects++;
      group.shallowBytes += heap.shallow[node]!;
      const position = analysis.domPosition[node]!;
      if (position < group.coveredTo) continue;
      group.retainedBytes += analysis.retained[node]!;
      group.coveredTo = position + analysis.domSize[node]!;
    }
  });
  return [...groups]
    .sort(([, a], [, b]) => b.objects - a.objects || b.retainedBytes - a.retainedBytes)
    .slice(0, Math.max(0, options.limit ?? 20))
    .map(([fold, group]) => ({
      holder: folder.holderText(fold),
      owner: ownerOf(heap, folder, fold),
      steps: folder.steps(fold),
      objects: group.objects,
      shallowBytes: group.shallowBytes,
      retainedBytes: group.retainedBytes,
      example: nodeRef(heap, group.example),
    }));
}

function ownerOf(heap: Heap, folder: Folder, fold: number): HolderDescription['owner'] {
  const owner = folder.owner(fold);
  return owner === null ? null : nodeRef(heap, owner);
}

/** Folded path of a node, remembering those of all nodes on the way. Without a tree each step is looked for. */
function createFoldOf(
  heap: Heap,
  analysis: HeapAnalysis,
  folder: Folder,
  tree: HolderTree | null,
): (node: number) => number {
  const known = uint32(heap.nodeCount); // fold + 1; committed only where it is written
  const nodes: number[] = [];
  const edges: number[] = [];
  return (start) => {
    let node = start;
    let fold = ROOT_FOLD;
    nodes.length = 0;
    edges.length = 0;
    for (;;) {
      if (known[node] !== 0) {
        fold = known[node]! - 1;
        break;
      }
      const holder = tree ? null : nearestHolder(heap, analysis, node);
      const above = tree ? tree.holder[node]! : (holder?.node ?? NONE);
      if (above === NONE) {
        fold = node === heap.root ? ROOT_FOLD : folder.unreached();
        known[node] = fold + 1;
        break;
      }
      nodes.push(node);
      edges.push(tree ? tree.edge[node]! : holder!.edge);
      node = above;
    }
    for (let i = nodes.length - 1; i >= 0; i--) {
      fold = folder.step(fold, node, edges[i]!, nodes[i]!);
      node = nodes[i]!;
      known[node] = fold + 1;
    }
    return fold;
  };
}
