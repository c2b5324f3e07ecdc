/** What a forced collection did, in lines for the user. */
import { formatBytes } from '#shared/format/bytes.ts';
import { formatCountOf } from '#shared/format/counts.ts';
import { formatDuration } from '#shared/format/durations.ts';

export interface CollectionResult {
  collected: number | null;
  uncollectable: number | null;
  pauseMs: number | null;
  heapUsedBeforeBytes: number | null;
  heapUsedAfterBytes: number | null;
}

export function collectionLines(result: CollectionResult): string[] {
  const lines: string[] = [];
  if (result.collected !== null) lines.push(`${formatCountOf(result.collected, 'unreachable object')} freed`);
  if (result.uncollectable) lines.push(`${formatCountOf(result.uncollectable, 'object')} could not be freed`);
  if (result.heapUsedBeforeBytes !== null && result.heapUsedAfterBytes !== null) {
    lines.push(`Heap used ${formatBytes(result.heapUsedBeforeBytes)} → ${formatBytes(result.heapUsedAfterBytes)}`);
  }
  if (result.pauseMs !== null) lines.push(`The target stood still for ${formatDuration(result.pauseMs)}`);
  return lines;
}
