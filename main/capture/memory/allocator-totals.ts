/** Totals of the allocators as they are recorded, and the series that a recording of them makes. Pure. */
import type { AllocatorHistory, V8Report } from '#shared/model/memory.ts';
import { asRecord, numberField, stringField } from '../../cdp/read-field.ts';
import { nativeFigures } from './native-figures.ts';
import { parsePymallocText } from './pymalloc-totals.ts';

/** Bytes by `allocator.use`; what stands for the same memory is never there twice. */
export type AllocatorTotals = Record<string, number>;

/** Of the answer to `Python.getAllocatorStatistics`. */
export function pythonTotals(statistics: unknown): AllocatorTotals {
  const totals: AllocatorTotals = {};
  const pymalloc = parsePymallocText(stringField(statistics, 'pymalloc', 100_000) ?? '');
  if (pymalloc && pymalloc.arenas > 0) {
    totals['pymalloc.used'] = pymalloc.usedBytes;
    totals['pymalloc.freeBlocks'] = pymalloc.freeBlockBytes;
    totals['pymalloc.freePools'] = pymalloc.freePoolBytes;
    totals['pymalloc.overhead'] = pymalloc.poolHeaderBytes + pymalloc.quantizationBytes + pymalloc.arenaAlignmentBytes;
  }
  const native = nativeFigures(statistics);
  if (native) {
    const { name, heap, mapped, either } = native;
    totals[`${name}.used`] = heap.usedBytes + mapped.usedBytes + either.usedBytes;
    totals[`${name}.free`] = heap.freeBytes + mapped.freeBytes + either.freeBytes;
  }
  return totals;
}

export function v8Totals(report: V8Report): AllocatorTotals {
  const totals: AllocatorTotals = {};
  let free = 0;
  for (const { name, usedBytes, committedBytes } of report.spaces) {
    if (committedBytes > 0) totals[`v8.${name}`] = Math.min(usedBytes, committedBytes);
    free += Math.max(0, committedBytes - usedBytes);
  }
  totals['v8.free'] = free;
  if (report.externalBytes !== null) totals['external.used'] = report.externalBytes;
  if (report.mallocedBytes !== null) totals['v8malloc.used'] = report.mallocedBytes;
  return totals;
}

const LABELS: Record<string, string> = {
  'pymalloc.used': 'pymalloc, in use',
  'pymalloc.freeBlocks': 'pymalloc, free blocks',
  'pymalloc.freePools': 'pymalloc, free pools',
  'pymalloc.overhead': 'pymalloc, headers and ends',
  'v8.free': 'V8 heap, free',
  'external.used': 'External and array buffers',
  'v8malloc.used': "V8's own memory",
};
const MAX_SERIES = 32;

function labelOf(id: string): string {
  const known = Object.hasOwn(LABELS, id) ? LABELS[id] : undefined;
  if (known !== undefined) return known;
  const [allocator = '', use = ''] = id.split('.');
  return allocator === 'v8' ? `V8, ${use.replaceAll('_', ' ')}` : `${allocator}, ${use === 'used' ? 'in use' : use}`;
}

/** One series a total, in the order in which they were first recorded; at most 32. */
export function allocatorHistory(readings: readonly { at: number; body: unknown }[]): AllocatorHistory {
  const ids = [...new Set(readings.flatMap(({ body }) => Object.keys(asRecord(body))))].filter((id) => /^\w{1,40}\.\w{1,60}$/.test(id)).slice(0, MAX_SERIES);
  return {
    at: readings.map(({ at }) => at),
    series: ids.map((id) => ({
      id,
      label: labelOf(id),
      group: /\.(free|freeBlocks|freePools|overhead)$/.test(id) ? 'free' : 'used',
      bytes: readings.map(({ body }) => numberField(body, id)),
    })),
  };
}
