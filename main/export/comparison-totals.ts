/** Sums over all classes of a comparison. */
import { comparisonNodes, type Comparison } from '#main/heap/compare.ts';
import { retainedBytesOf } from '#main/heap/retained-set.ts';
import type { RunOptions } from '#main/heap/run.ts';
import type { ComparisonRow, ComparisonSide } from '#shared/model/heap.ts';
import { COMPARISON_CELLS, type Amounts } from './report-model.ts';

const zero = () => ({ objects: 0, shallowBytes: 0, retainedBytes: 0 });

/**
 * Objects and shallow bytes add up over classes. Retained bytes do not, because an object and what it holds are often of
 * two classes: for survived they are the union of what all those objects retain, for new and dead, which are counted among
 * themselves, and for a whole snapshot, where the root retains everything, they are the shallow bytes, and `delta` is the
 * difference of the two snapshots.
 */
export async function comparisonTotals(comparison: Comparison, rows: readonly ComparisonRow[], run: RunOptions = {}): Promise<Amounts> {
  const totals = { base: zero(), compared: zero(), new: zero(), dead: zero(), survived: zero(), delta: zero() };
  for (const row of rows) {
    for (const cell of COMPARISON_CELLS) {
      totals[cell].objects += row[cell].objects;
      totals[cell].shallowBytes += row[cell].shallowBytes;
    }
  }
  totals.base.retainedBytes = totals.base.shallowBytes;
  totals.compared.retainedBytes = totals.compared.shallowBytes;
  totals.delta.retainedBytes = totals.delta.shallowBytes;
  totals.new.retainedBytes = totals.new.shallowBytes;
  totals.dead.retainedBytes = totals.dead.shallowBytes;
  totals.survived.retainedBytes = await unionBytes(comparison, rows, 'survived', run);
  return totals;
}

async function unionBytes(
  comparison: Comparison,
  rows: readonly ComparisonRow[],
  side: ComparisonSide,
  run: RunOptions,
): Promise<number> {
  const filled = rows.filter((row) => row[side].objects > 0);
  const sets = filled.map((row) => comparisonNodes(comparison, row.classIndex, side));
  const heap = sets[0]?.heap;
  if (!heap) return 0;
  const all = new Uint32Array(sets.reduce((sum, set) => sum + set.ordinals.length, 0));
  let offset = 0;
  for (const { ordinals } of sets) {
    all.set(ordinals, offset);
    offset += ordinals.length;
  }
  return retainedBytesOf(heap, all, run);
}
