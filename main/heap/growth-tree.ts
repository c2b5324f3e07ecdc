import type { GrowthColumn, GrowthLine, GrowthSummary } from '#shared/model/heap-explore.ts';
import type { HolderStep, Page, RowQuery } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { Comparison } from './compare.ts';
import { uint32 } from './columns.ts';
import { filterIndexes, textFilter } from './filter.ts';
import { createFolder, ROOT_FOLD } from './folding.ts';
import type { FoldEntry, Folder } from './folding.ts';
import { NONE } from './heap.ts';
import { holderTree } from './holder-tree.ts';
import { nodeRef } from './nodes.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf } from './pages.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * The growth tree: what is new in the second snapshot (and survivors that grew), grouped by the folded path that holds
 * it. All objects are folded at once along the tree of shortest paths, so that the cost is one pass over the nodes.
 *
 * A path from the root begins with what was there before. Those parts are no lines: a **line of the first level** is a
 * single object that is in both snapshots (`_cache (dict)`), or a name in a scope (a variable of a module or function).
 * So the first line of a leak is its holder, however deep that hangs.
 */
export interface GrowthTree {
  readonly comparison: Comparison;
  readonly folder: Folder;
  /** Folded path by node of the compared heap, plus one; 0 where it was not needed. */
  readonly foldOf: Uint32Array;
  /** All below by fold. The line a fold counts for (itself, or the ancestor at the deepest level). */
  readonly lineOf: Uint32Array;
  /** Line above, NONE for the first level. */
  readonly parent: Uint32Array;
  readonly depth: Uint8Array;
  readonly objects: Float64Array;
  readonly ownObjects: Float64Array;
  readonly shallow: Float64Array;
  readonly retained: Float64Array;
  readonly grownObjects: Float64Array;
  readonly grown: Float64Array;
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  /** Lines below line `i`: `child[firstChild[i] … firstChild[i + 1]]`; those of the first level at `folds`. */
  readonly firstChild: Uint32Array;
  readonly child: Uint32Array;
  readonly unreached: number;
}

/** Lines below each other; what hangs deeper counts for the last of them. */
const MAX_DEPTH = 60;
/** Steps of a line's path that are sent. */
const MAX_STEPS = 24;
/** Named steps in a line's text. */
const MAX_TEXT_STEPS = 5;

const trees = new WeakMap<Comparison, GrowthTree>();

/** Built once per comparison. O(nodes + edges) of the compared heap. */
export async function growthTree(comparison: Comparison, run?: RunOptions): Promise<GrowthTree> {
  let tree = trees.get(comparison);
  if (!tree) trees.set(comparison, (tree = await build(comparison, run)));
  return tree;
}

async function build(comparison: Comparison, run: RunOptions | undefined): Promise<GrowthTree> {
  const { base, compared, baseOf } = comparison;
  const { nodeCount, shallow, nodeId } = compared;
  const analysis = await analyseHeap(compared, run);
  const { holder, edge } = await holderTree(compared, analysis, run);
  const folder = createFolder(compared);
  const unreached = folder.unreached();

  // Fold what is new or grew, and what it hangs on. Members of a fold are counted, and those that were there before.
  const foldOf = uint32(nodeCount);
  const members: number[] = [];
  const survivors: number[] = [];
  const isNew = (node: number): boolean => baseOf[node] === NONE && shallow[node] !== 0;
  const grownBy = (node: number): number => (baseOf[node] === NONE ? 0 : shallow[node]! - base.shallow[baseOf[node]!]!);
  const path: number[] = [];
  const fold = (start: number): void => {
    let node = start;
    path.length = 0;
    while (foldOf[node] === 0) {
      path.push(node);
      if (holder[node] === NONE) break;
      node = holder[node]!;
    }
    for (let i = path.length - 1; i >= 0; i--) {
      node = path[i]!;
      const above = holder[node]!;
      let at: number;
      if (above === NONE) at = node === compared.root ? ROOT_FOLD : unreached;
      else {
        const aboveFold = foldOf[above]! - 1;
        at = folder.step(aboveFold, above, edge[node]!, node);
        if (at !== aboveFold) {
          members[at] = (members[at] ?? 0) + 1;
          if (baseOf[node] !== NONE) survivors[at] = (survivors[at] ?? 0) + 1;
        }
      }
      foldOf[node] = at + 1;
    }
  };
  await inSlices(run, 'comparing', nodeCount, 1 << 10, (from, to) => {
    for (let node = from; node < to; node++) if (isNew(node) || grownBy(node) > 0) fold(node);
  });

  const folds = folder.count();
  const { lineOf, parent, depth } = layLines(folder, folds, compared, { stands: (at) => members[at] === 1, wasThere: (at) => survivors[at] === 1 });
  const column = (): Float64Array => new Float64Array(folds);
  const [objects, ownObjects, bytes, retained, grownObjects, grown] = [column(), column(), column(), column(), column(), column()];
  const first = new Uint32Array(folds).fill(NONE);
  const last = new Uint32Array(folds).fill(NONE);
  const isEarlier = (node: number, than: number): boolean => than === NONE || nodeId[node]! < nodeId[than]!;
  const isLater = (node: number, than: number): boolean => than === NONE || nodeId[node]! > nodeId[than]!;
  await inSlices(run, 'comparing', nodeCount, 1 << 14, (from, to) => {
    for (let node = from; node < to; node++) {
      if (foldOf[node] === 0) continue;
      const line = lineOf[foldOf[node]! - 1]!;
      if (isNew(node)) {
        ownObjects[line]!++;
        bytes[line]! += shallow[node]!;
        if (isEarlier(node, first[line]!)) first[line] = node;
        if (isLater(node, last[line]!)) last[line] = node;
      } else if (grownBy(node) > 0) {
        grownObjects[line]!++;
        grown[line]! += grownBy(node);
      }
    }
  });
  // Lines have larger numbers than those above them, so one pass from the end adds all up.
  objects.set(ownObjects);
  for (let line = folds - 1; line >= 0; line--) {
    const above = parent[line]!;
    if (above === NONE || lineOf[line] !== line) continue;
    objects[above]! += objects[line]!;
    bytes[above]! += bytes[line]!;
    grownObjects[above]! += grownObjects[line]!;
    grown[above]! += grown[line]!;
    if (first[line] !== NONE && isEarlier(first[line]!, first[above]!)) first[above] = first[line]!;
    if (last[line] !== NONE && isLater(last[line]!, last[above]!)) last[above] = last[line]!;
  }
  // Retained bytes: in preorder of the dominator tree an object inside of another one of its line comes after it. What
  // is covered for a line is covered for all above it.
  const coveredTo = new Uint32Array(folds);
  const { domOrder, domSize } = analysis;
  await inSlices(run, 'comparing', nodeCount, 1 << 13, (from, to) => {
    for (let at = from; at < to; at++) {
      const node = domOrder[at]!;
      if (foldOf[node] === 0 || !isNew(node)) continue;
      for (let line = lineOf[foldOf[node]! - 1]!; line !== NONE && at >= coveredTo[line]!; line = parent[line]!) {
        retained[line]! += analysis.retained[node]!;
        coveredTo[line] = at + domSize[node]!;
      }
    }
  });
  const isLine = (at: number): boolean => at !== ROOT_FOLD && lineOf[at] === at && (objects[at]! > 0 || grown[at]! > 0);
  return {
    comparison, folder, foldOf, lineOf, parent, depth, objects, ownObjects, shallow: bytes, retained, grownObjects, grown, first, last,
    ...childrenOf(folds, parent, isLine),
    unreached,
  };
}

/** Which folds are lines, and below which line. `stands`: the fold is one object; `wasThere`: which is in both snapshots. */
function layLines(
  folder: Folder,
  folds: number,
  heap: Comparison['compared'],
  { stands, wasThere }: { stands(fold: number): boolean; wasThere(fold: number): boolean },
): Pick<GrowthTree, 'lineOf' | 'parent' | 'depth'> {
  const lineOf = Uint32Array.from({ length: folds }, (_, at) => at);
  const parent = new Uint32Array(folds).fill(NONE);
  const depth = new Uint8Array(folds);
  const holdsNames = new Uint8Array(folds);
  const single = new Uint8Array(folds);
  holdsNames[ROOT_FOLD] = single[ROOT_FOLD] = 1;
  for (let at = 1; at < folds; at++) {
    const entry = folder.entry(at);
    const above = entry.parent;
    const isFunction = heap.nodeKind[entry.example] === heap.kinds.closure;
    // Below something that stands many times nothing stands once.
    if (single[above] === 1 && stands(at)) single[at] = 1;
    const known = single[at] === 1 && wasThere(at);
    if (known && (entry.scope || isFunction)) holdsNames[at] = 1;
    if (known || (holdsNames[above] === 1 && (entry.named || entry.scope || above === ROOT_FOLD))) continue;
    if (depth[lineOf[above]!]! >= MAX_DEPTH) {
      lineOf[at] = lineOf[above]!;
      continue;
    }
    parent[at] = lineOf[above]!;
    depth[at] = depth[lineOf[above]!]! + 1;
  }
  return { lineOf, parent, depth };
}

function childrenOf(
  folds: number,
  parent: Uint32Array,
  isLine: (at: number) => boolean,
): Pick<GrowthTree, 'firstChild' | 'child'> {
  const slotOf = (at: number): number => (parent[at] === NONE ? folds : parent[at]!);
  const firstChild = new Uint32Array(folds + 2);
  for (let at = 1; at < folds; at++) if (isLine(at)) firstChild[slotOf(at) + 1]!++;
  for (let slot = 0; slot <= folds; slot++) firstChild[slot + 1]! += firstChild[slot]!;
  const next = firstChild.slice();
  const child = new Uint32Array(firstChild[folds + 1]!);
  for (let at = 1; at < folds; at++) if (isLine(at)) child[next[slotOf(at)]!++] = at;
  return { firstChild, child };
}

export function growthSummary(tree: GrowthTree): GrowthSummary {
  const summary = { lines: tree.child.length, newObjects: 0, newShallowBytes: 0, grownObjects: 0, grownBytes: 0 };
  for (const line of linesBelow(tree, null)) {
    summary.newObjects += tree.objects[line]!;
    summary.newShallowBytes += tree.shallow[line]!;
    summary.grownObjects += tree.grownObjects[line]!;
    summary.grownBytes += tree.grown[line]!;
  }
  return { ...summary, unreachedObjects: tree.objects[tree.unreached]! };
}

/** Lines below a line (null: the first level). The default order is by bytes of new objects and growth, largest first. */
export async function growthLines(
  tree: GrowthTree,
  lineId: number | null,
  query: RowQuery<GrowthColumn>,
  run?: RunOptions,
): Promise<Page<GrowthLine>> {
  if (lineId !== null) checkLine(tree, lineId);
  const filter = textFilter(query.filter);
  const cache = orderCache(tree);
  const key = `${lineId ?? ''} ${query.sort?.by ?? ''} ${query.sort?.order ?? ''} ${query.filter ?? ''}`;
  const lines = linesBelow(tree, lineId);
  let order = cache.get(key);
  if (!order) {
    let kept = lines;
    if (filter) {
      const found = await filterIndexes(lines.length, (i) => lineText(tree, lines[i]!), filter, run);
      kept = found.map((i) => lines[i]!);
    }
    const descending = query.sort ? isDescending(query.sort) : true;
    const indexes =
      query.sort?.by === 'text'
        ? await orderByText(kept.length, (i) => lineText(tree, kept[i]!), descending, run)
        : await orderByNumber(kept.length, lineKey(tree, query.sort?.by, kept), descending, run);
    order = indexes.map((i) => kept[i]!);
    cache.set(key, order);
  }
  return pageOf(query, order, lines.length, (line) => growthLine(tree, line));
}

function linesBelow(tree: GrowthTree, lineId: number | null): Uint32Array {
  const slot = lineId ?? tree.parent.length;
  return tree.child.subarray(tree.firstChild[slot]!, tree.firstChild[slot + 1]!);
}

function lineKey(tree: GrowthTree, column: Exclude<GrowthColumn, 'text'> | undefined, lines: Uint32Array): (i: number) => number {
  switch (column) {
    case undefined:
      return (i) => tree.shallow[lines[i]!]! + tree.grown[lines[i]!]!;
    case 'objects':
      return (i) => tree.objects[lines[i]!]!;
    case 'shallowBytes':
      return (i) => tree.shallow[lines[i]!]!;
    case 'retainedBytes':
      return (i) => tree.retained[lines[i]!]!;
    case 'grownBytes':
      return (i) => tree.grown[lines[i]!]!;
    case 'children':
      return (i) => linesBelow(tree, lines[i]!).length;
  }
}

/** One line as a row. */
export function growthLine(tree: GrowthTree, line: number): GrowthLine {
  checkLine(tree, line);
  const { folder, comparison } = tree;
  const { compared } = comparison;
  const entry = folder.entry(line);
  const above = tree.parent[line]!;
  const example = (node: number): GrowthLine['first'] => (node === NONE ? null : nodeRef(compared, node));
  return {
    lineId: line,
    parentId: above === NONE ? null : above,
    depth: tree.depth[line]!,
    edge: entry.edge,
    node: entry.label,
    steps: above === NONE ? cutSteps(folder.steps(line)) : [{ edge: entry.edge, node: entry.label }],
    text: lineText(tree, line),
    objects: tree.objects[line]!,
    shallowBytes: tree.shallow[line]!,
    retainedBytes: tree.retained[line]!,
    grownObjects: tree.grownObjects[line]!,
    grownBytes: tree.grown[line]!,
    children: linesBelow(tree, line).length,
    ownObjects: tree.ownObjects[line]!,
    holder: nodeRef(compared, entry.example),
    holderSurvived: comparison.baseOf[entry.example] !== NONE,
    first: example(tree.first[line]!),
    last: example(tree.last[line]!),
  };
}

function cutSteps(steps: HolderStep[]): HolderStep[] {
  if (steps.length <= MAX_STEPS) return steps;
  return [...steps.slice(0, MAX_STEPS / 2), { edge: '…', node: '' }, ...steps.slice(steps.length - MAX_STEPS / 2)];
}

/** `module __main__ → _cache (dict)` for a line of the first level, `[*] (Session)` below. */
function lineText(tree: GrowthTree, line: number): string {
  const { folder } = tree;
  if (tree.parent[line] !== NONE) return folder.entry(line).text;
  const chain: FoldEntry[] = [];
  for (let at = line; at > ROOT_FOLD; at = folder.entry(at).parent) chain.push(folder.entry(at));
  const texts: string[] = [];
  for (const [i, entry] of chain.reverse().entries()) {
    if (entry.named || entry.scope || texts.length === 0 || i === chain.length - 1) texts.push(entry.text);
    else if (entry.edge === '[*]') texts[texts.length - 1] += '[*]';
  }
  if (texts.length <= MAX_TEXT_STEPS) return texts.join(' → ');
  return [...texts.slice(0, 2), '…', ...texts.slice(texts.length - (MAX_TEXT_STEPS - 2))].join(' → ');
}

/** New objects at or below a line, in file order; nodes of the compared heap. */
export async function growthObjects(tree: GrowthTree, lineId: number, run?: RunOptions): Promise<Uint32Array> {
  checkLine(tree, lineId);
  const cache = orderCache(tree);
  const key = `objects ${lineId}`;
  let found = cache.get(key);
  if (!found) {
    const { foldOf, lineOf, parent, comparison } = tree;
    const { baseOf, compared } = comparison;
    // 1: at or below the line.
    const below = new Uint8Array(parent.length);
    below[lineId] = 1;
    for (let line = lineId + 1; line < parent.length; line++) if (parent[line] !== NONE) below[line] = below[parent[line]!]!;
    found = new Uint32Array(tree.objects[lineId]!);
    const into = found;
    let at = 0;
    await inSlices(run, 'comparing', foldOf.length, 1 << 16, (from, to) => {
      for (let node = from; node < to; node++) {
        if (foldOf[node] === 0 || baseOf[node] !== NONE || compared.shallow[node] === 0) continue;
        if (below[lineOf[foldOf[node]! - 1]!] === 1) into[at++] = node;
      }
    });
    cache.set(key, found);
  }
  return found;
}

function checkLine(tree: GrowthTree, line: number): void {
  const known = Number.isInteger(line) && line > ROOT_FOLD && line < tree.parent.length && tree.lineOf[line] === line;
  if (!known) throw new RangeError(`There is no line number ${line} in this growth tree`);
}
