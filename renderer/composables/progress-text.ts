/** Progress in words: `Reading 12.4 of 210 MiB`, `Finding dominators 1,204,000 of 3,100,000 nodes`. */
import { formatBytes } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import type { HeapPhase } from '#shared/model/heap.ts';
import type { TaskProgress } from '../stores/tasks.ts';

const HEAP_PHASES: Record<HeapPhase, { label: string; unit: 'bytes' | 'nodes' | 'edges' | 'rows' }> = {
  reading: { label: 'Reading', unit: 'bytes' },
  classes: { label: 'Grouping by class', unit: 'nodes' },
  retainers: { label: 'Linking retainers', unit: 'edges' },
  sizes: { label: 'Adding up sizes', unit: 'nodes' },
  dominators: { label: 'Finding dominators', unit: 'nodes' },
  distances: { label: 'Measuring distances', unit: 'nodes' },
  aggregates: { label: 'Computing retained sizes', unit: 'nodes' },
  comparing: { label: 'Comparing', unit: 'nodes' },
  tables: { label: 'Filling tables', unit: 'rows' },
};

export function progressText(progress: TaskProgress | null): string {
  if (!progress) return 'Starting…';
  const known = Object.hasOwn(HEAP_PHASES, progress.phase) ? HEAP_PHASES[progress.phase as HeapPhase] : null;
  const label = known?.label ?? sentence(progress.phase);
  const unit = progress.unit ?? known?.unit;
  const amount = unit === 'bytes' ? formatBytes : formatCount;
  const word = unit === undefined || unit === 'bytes' || unit === 'steps' ? '' : ` ${unit}`;
  if (progress.total > 0) return `${label}: ${amount(progress.done)} of ${amount(progress.total)}${word}`;
  return progress.done > 0 ? `${label}: ${amount(progress.done)}${word}` : `${label}…`;
}

/** 0 to 1, or null while the total is not known. */
export function progressFraction({ done, total }: { done: number; total: number }): number | null {
  return total > 0 ? Math.max(0, Math.min(1, done / total)) : null;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
