/** What one has to know to read allocation sites, in a sentence or two; empty when nothing. */
import { formatBytes } from '#shared/format/bytes.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { AllocationSource } from '#shared/model/heap.ts';

export function sourceNote(source: AllocationSource | null, unsure = true): string {
  if (!source) return '';
  if (source.missing !== null) return `This snapshot has no allocation stacks: ${visibleText(source.missing, 400)}.`;
  const notes = [];
  if (source.by === 'sampling') {
    const interval = source.samplingInterval === null ? '' : ` (one in each ${formatBytes(source.samplingInterval)})`;
    notes.push(`Sampled${interval}: counts and shallow sizes of sites are estimates.`);
  }
  if (unsure && source.unsureClasses.length > 0) {
    const names = source.unsureClasses.slice(0, 6).map((name) => visibleText(name, 40));
    notes.push(`The interpreter hands blocks of ${names.join(', ')}${source.unsureClasses.length > names.length ? ' and others' : ''} from one object to the next without telling: their site may be that of an earlier object.`);
  }
  return notes.join(' ');
}
