/** What the allocator behind malloc holds, from `Python.getAllocatorStatistics`. Pure. */
import { asRecord, stringField } from '../../cdp/read-field.ts';
import { otherAllocators, parseMallocInfo, readMallinfo } from './malloc-figures.ts';
import { nativeFromGlibc, nativeFromOther, type NativeFigures } from './rss.ts';

/** What malloc or its replacement says; the C library's own figures mean nothing when it is replaced. */
export function nativeFigures(statistics: unknown): NativeFigures | null {
  for (const { kind, name, figures } of otherAllocators(statistics)) {
    const figure = (id: string) => figures.find((each) => each.id === id)?.value ?? null;
    const total = {
      jemalloc: figure('stats.resident'),
      mimalloc: figure('committedBytes'),
      tcmalloc: figure('generic.total_physical_bytes') ?? minus(figure('generic.heap_size'), figure('tcmalloc.pageheap_unmapped_bytes')),
    }[kind as string];
    const used = figure('stats.allocated') ?? figure('generic.current_allocated_bytes');
    if (total !== null && total !== undefined) return nativeFromOther(name, SOURCES[kind] ?? kind, used, total);
  }
  const mallinfo = readMallinfo(asRecord(statistics)['mallinfo2']);
  return mallinfo && otherAllocators(statistics).length === 0 ? nativeFromGlibc(mallinfo, parseMallocInfo(stringField(statistics, 'mallocInfo', 300_000) ?? '')) : null;
}

const SOURCES: Record<string, string> = { jemalloc: 'mallctl', mimalloc: 'mi_process_info', tcmalloc: 'MallocExtension' };

function minus(a: number | null, b: number | null): number | null {
  return a === null ? null : Math.max(0, a - (b ?? 0));
}

/** What malloc holds of the system's memory; null where it does not tell. */
export function allocatorBytes(statistics: unknown): number | null {
  const native = nativeFigures(statistics);
  return native && [native.heap, native.mapped, native.either].reduce((sum, { usedBytes, freeBytes }) => sum + usedBytes + freeBytes, 0);
}
