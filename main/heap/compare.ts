import type {
  Amount,
  ComparisonColumn,
  ComparisonRow,
  ComparisonSide,
  Page,
  RowQuery,
  SortSpec,
} from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analyse.ts';
import { className } from './class-names.ts';
import { retainedByGroup } from './class-totals.ts';
import { bytes, float64, uint32 } from './columns.ts';
import { filterIndexes, textFilter } from './filter.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { differsByEmptiness, idsAreAddresses, indexIds, matchClasses, sameObject } from './identity.ts';
import { matchByHolder } from './identity-by-holder.ts';
import type { EmptyPair } from './identity-by-holder.ts';
import type { ClassMatch } from './identity.ts';
import { native } from './native.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf } from './pages.ts';
import { retainedAmong } from './retained-among.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

export { sameObject } from './identity.ts';

/**
 * Two heaps side by side. Classes have numbers of their own (`classIndex` of the rows). Objects of no size belong to
 * no class, as everywhere.
 */
export interface Comparison {
  readonly base: Heap;
  readonly compared: Heap;
  readonly classes: number;
  /** Number in the comparison by class of the heap. */
  readonly numberOfBase: Uint32Array;
  readonly numberOfCompared: Uint32Array;
  /** 1 for nodes that are in the other heap as well. */
  readonly survivesFromBase: Uint8Array;
  readonly survivesInCompared: Uint8Array;
  /** Node of the base that a node of compared is, NONE when new. */
  readonly baseOf: Uint32Array;
  /** False when the ids of the two snapshots belong to different numberings: then nothing counts as survived. */
  readonly idsComparable: boolean;
  /**
   * `retained` of new and dead objects is counted among themselves: what an old object holds counts at it, also where it
   * hangs on a new one.
   */
  readonly amounts: Readonly<Record<Side, Amounts>>;
  /** By number. */
  readonly names: readonly string[];
  readonly kinds: readonly string[];
}

type Side = 'base' | 'compared' | ComparisonSide;

interface Amounts {
  readonly objects: Uint32Array;
  readonly shallow: Float64Array;
  readonly retained: Float64Array;
}

export interface CompareOptions extends RunOptions {
  /** False: it is known that the same id does not mean the same object, so nothing counts as survived. */
  readonly idsComparable?: boolean;
}

/**
 * V8 numbers all objects anew when a debugger disconnects, and then hands out the same numbers again. Within one
 * numbering an id keeps its class (all but a few in a thousand); between two, ids meet by chance. Below this share of
 * ids with the same class the numberings differ. Needs enough common ids to tell.
 */
const SAME_NUMBERING_SHARE = 0.95;
const ENOUGH_IDS_TO_TELL = 1_000;

/** Compares two heaps; analyses them first where that has not been done. Linear in nodes. */
export async function compareHeaps(base: Heap, compared: Heap, run?: CompareOptions): Promise<Comparison> {
  const baseAnalysis = await analyseHeap(base, run);
  const comparedAnalysis = await analyseHeap(compared, run);
  const match = matchClasses(base, compared);
  const { baseOf, survivesFromBase, survivesInCompared, idsComparable } = await matchObjects(base, compared, match, run);

  const measure = async (
    heap: Heap,
    analysis: typeof baseAnalysis,
    numbers: Uint32Array,
    takes: (node: number) => boolean,
    among: 'all' | 'themselves' = 'all',
  ): Promise<Amounts> => {
    const objects = uint32(match.count);
    const shallow = float64(match.count);
    const { classOf, nodeCount } = heap;
    await inSlices(run, 'comparing', nodeCount, 1 << 16, (from, to) => {
      for (let node = from; node < to; node++) {
        const size = heap.shallow[node]!;
        if (size === 0 || !takes(node)) continue;
        const number = numbers[classOf[node]!]!;
        objects[number]!++;
        shallow[number]! += size;
      }
    });
    const groupOf = (node: number): number =>
      heap.shallow[node] === 0 || !takes(node) ? NONE : numbers[classOf[node]!]!;
    const retained =
      among === 'all'
        ? await retainedByGroup(analysis, nodeCount, match.count, groupOf, run)
        : await retainedAmong(
            analysis,
            nodeCount,
            match.count,
            // Parts without a size of their own belong to whoever has them, whatever their ids say.
            { counts: takes, passes: (node) => takes(node) || heap.shallow[node] === 0, groupOf, bytes: (node) => heap.shallow[node]! },
            run,
          );
    return { objects, shallow, retained };
  };
  const whole = async (heap: Heap, analysis: typeof baseAnalysis, numbers: Uint32Array): Promise<Amounts> =>
    amountsOfClasses(heap, analysis, numbers, match.count) ?? (await measure(heap, analysis, numbers, () => true));
  const amounts = {
    base: await whole(base, baseAnalysis, match.base),
    compared: await whole(compared, comparedAnalysis, match.compared),
    new: await measure(compared, comparedAnalysis, match.compared, (node) => survivesInCompared[node] === 0, 'themselves'),
    dead: await measure(base, baseAnalysis, match.base, (node) => survivesFromBase[node] === 0, 'themselves'),
    survived: await measure(compared, comparedAnalysis, match.compared, (node) => survivesInCompared[node] === 1),
  };
  const names: string[] = [];
  const kinds: string[] = [];
  for (const [heap, numbers] of [
    [base, match.base],
    [compared, match.compared],
  ] as const) {
    for (let index = 0; index < numbers.length; index++) {
      names[numbers[index]!] = className(heap, index);
      kinds[numbers[index]!] = heap.header.nodeKinds[heap.classes.kind[index]!]!;
    }
  }
  return {
    base,
    compared,
    classes: match.count,
    numberOfBase: match.base,
    numberOfCompared: match.compared,
    survivesFromBase,
    survivesInCompared,
    baseOf,
    idsComparable,
    amounts,
    names,
    kinds,
  };
}

/** The amounts of a whole heap are those of its classes, unless two of them count as one here (null). */
function amountsOfClasses(heap: Heap, analysis: HeapAnalysis, numbers: Uint32Array, count: number): Amounts | null {
  if (new Set(numbers).size < numbers.length) return null;
  const amounts = { objects: uint32(count), shallow: float64(count), retained: float64(count) };
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    amounts.objects[number] = heap.classes.objects[index]!;
    amounts.shallow[number] = heap.classes.shallow[index]!;
    amounts.retained[number] = analysis.classRetained[index]!;
  }
  return amounts;
}

async function matchObjects(
  base: Heap,
  compared: Heap,
  match: ClassMatch,
  run: CompareOptions | undefined,
): Promise<Pick<Comparison, 'baseOf' | 'survivesFromBase' | 'survivesInCompared' | 'idsComparable'>> {
  const survivesFromBase = bytes(base.nodeCount);
  const survivesInCompared = bytes(compared.nodeCount);
  const baseOf = uint32(compared.nodeCount).fill(NONE);
  const nothing = { baseOf, survivesFromBase, survivesInCompared, idsComparable: false };
  if (run?.idsComparable === false) return nothing;
  const ids = await indexIds(base, run);
  let common = 0;
  let sameClass = 0;
  const empty: EmptyPair[] = [];
  const needsEvidence = idsAreAddresses(base) || idsAreAddresses(compared);
  const loops = needsEvidence ? null : native();
  const { table } = ids;
  const counts = new Float64Array(2);
  await inSlices(run, 'comparing', compared.nodeCount, needsEvidence ? 1 << 10 : 1 << 16, (from, to) => {
    if (loops && table) {
      loops.matchIds(compared.nodeId, table, base.classOf, compared.classOf, match.base, match.compared, baseOf, survivesFromBase, survivesInCompared, counts, from, to);
      [common, sameClass] = counts as unknown as [number, number];
      return;
    }
    for (let node = from; node < to; node++) {
      const other = ids.find(compared.nodeId[node]!);
      if (other < 0) continue;
      if (needsEvidence && !sameObject(base, other, compared, node)) {
        if (differsByEmptiness(base, other, compared, node)) empty.push({ base: other, compared: node });
        continue;
      }
      common++;
      if (match.base[base.classOf[other]!] === match.compared[compared.classOf[node]!]) sameClass++;
      baseOf[node] = other;
      survivesInCompared[node] = 1;
      survivesFromBase[other] = 1;
    }
  });
  if (!needsEvidence && common >= ENOUGH_IDS_TO_TELL && sameClass < common * SAME_NUMBERING_SHARE) {
    baseOf.fill(NONE);
    survivesFromBase.fill(0);
    survivesInCompared.fill(0);
    return nothing;
  }
  const found = (pair: EmptyPair): void => {
    baseOf[pair.compared] = pair.base;
    survivesInCompared[pair.compared] = 1;
    survivesFromBase[pair.base] = 1;
  };
  await matchByHolder(base, compared, await analyseHeap(compared, run), baseOf, empty, found, run);
  return { ...nothing, idsComparable: true };
}

/** Rows of a comparison. The default order is by new retained bytes, largest first. */
export async function comparisonRows(
  comparison: Comparison,
  query: RowQuery<ComparisonColumn>,
  run?: RunOptions,
): Promise<Page<ComparisonRow>> {
  const filter = textFilter(query.filter);
  const sort: SortSpec<ComparisonColumn> = query.sort ?? { by: 'new.retainedBytes', order: 'descending' };
  const cache = orderCache(comparison);
  const key = `${sort.by} ${sort.order} ${query.filter ?? ''}`;
  const listed = listedClasses(comparison);
  let order = cache.get(key);
  if (!order) {
    let kept = listed;
    if (filter) {
      const found = await filterIndexes(listed.length, (i) => comparison.names[listed[i]!]!, filter, run);
      kept = found.map((i) => listed[i]!);
    }
    const descending = isDescending(sort);
    const { names, kinds } = comparison;
    const indexes =
      sort.by === 'name' || sort.by === 'kind'
        ? await orderByText(kept.length, (i) => (sort.by === 'name' ? names : kinds)[kept[i]!]!, descending, run)
        : await orderByNumber(kept.length, sortKey(comparison, sort.by, kept), descending, run);
    order = indexes.map((i) => kept[i]!);
    cache.set(key, order);
  }
  return pageOf(query, order, listed.length, (classIndex) => comparisonRow(comparison, classIndex));
}

export function comparisonRow(comparison: Comparison, classIndex: number): ComparisonRow {
  checkClass(comparison, classIndex);
  const side = (name: Side): Amount => {
    const amounts = comparison.amounts[name];
    return {
      objects: amounts.objects[classIndex]!,
      shallowBytes: amounts.shallow[classIndex]!,
      retainedBytes: amounts.retained[classIndex]!,
    };
  };
  const base = side('base');
  const compared = side('compared');
  return {
    classIndex,
    name: comparison.names[classIndex]!,
    kind: comparison.kinds[classIndex]!,
    base,
    compared,
    new: side('new'),
    dead: side('dead'),
    survived: side('survived'),
    delta: {
      objects: compared.objects - base.objects,
      shallowBytes: compared.shallowBytes - base.shallowBytes,
      retainedBytes: compared.retainedBytes - base.retainedBytes,
    },
  };
}

/** The objects behind a cell: new and survived ones are nodes of `compared`, dead ones of `base`. */
export function comparisonNodes(
  comparison: Comparison,
  classIndex: number,
  side: ComparisonSide,
): { heap: Heap; ordinals: Uint32Array } {
  checkClass(comparison, classIndex);
  const cache = orderCache(comparison);
  const key = `nodes ${classIndex} ${side}`;
  const heap = side === 'dead' ? comparison.base : comparison.compared;
  let ordinals = cache.get(key);
  if (!ordinals) {
    const numbers = side === 'dead' ? comparison.numberOfBase : comparison.numberOfCompared;
    const survives = side === 'dead' ? comparison.survivesFromBase : comparison.survivesInCompared;
    const wanted = side === 'survived' ? 1 : 0;
    ordinals = new Uint32Array(comparison.amounts[side].objects[classIndex]!);
    const { classOf, shallow, nodeCount } = heap;
    for (let node = 0, at = 0; node < nodeCount && at < ordinals.length; node++) {
      if (shallow[node] === 0 || survives[node] !== wanted) continue;
      if (numbers[classOf[node]!] === classIndex) ordinals[at++] = node;
    }
    cache.set(key, ordinals);
  }
  return { heap, ordinals };
}

function checkClass(comparison: Comparison, classIndex: number): void {
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= comparison.classes) {
    throw new RangeError(`There is no class number ${classIndex} in a comparison of ${comparison.classes} classes`);
  }
}

function listedClasses({ classes, amounts }: Comparison): Uint32Array {
  const all = Uint32Array.from({ length: classes }, (_, i) => i);
  return all.filter((index) => amounts.base.objects[index]! > 0 || amounts.compared.objects[index]! > 0);
}

/** Shifts signed values so that keys are not negative. */
const SHIFT = 2 ** 52;

function sortKey(
  comparison: Comparison,
  column: Exclude<ComparisonColumn, 'name' | 'kind'>,
  indexes: Uint32Array,
): (i: number) => number {
  const [side, measure] = column.split('.') as [Side | 'delta', keyof Amount];
  const valueOf = (name: Side, classIndex: number): number => {
    const amounts = comparison.amounts[name];
    if (measure === 'objects') return amounts.objects[classIndex]!;
    return measure === 'shallowBytes' ? amounts.shallow[classIndex]! : amounts.retained[classIndex]!;
  };
  if (side !== 'delta') return (i) => valueOf(side, indexes[i]!);
  return (i) => SHIFT + valueOf('compared', indexes[i]!) - valueOf('base', indexes[i]!);
}
