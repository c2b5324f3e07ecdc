/** How much memory open heaps hold, and how much they may. */
import { totalmem } from 'node:os';
import process from 'node:process';

const MAX_DEPTH = 6;
/** Longer arrays are data of the JavaScript heap, not lists of columns. */
const MAX_LIST = 256;

/** Bytes of all array buffers that can be reached from a heap or a comparison: that is where the engine keeps its columns. */
export function bufferBytesOf(...values: unknown[]): number {
  const seen = new Set<object>();
  let bytes = 0;
  function visit(value: unknown, depth: number): void {
    if (typeof value !== 'object' || value === null || seen.has(value) || depth > MAX_DEPTH) return;
    seen.add(value);
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) bytes += value.byteLength;
    else if (ArrayBuffer.isView(value)) visit(value.buffer, depth);
    else if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
      const size = Array.isArray(value) ? value.length : value.size;
      if (size <= MAX_LIST) for (const item of value.values()) visit(item, depth + 1);
    } else for (const item of Object.values(value)) visit(item, depth + 1);
  }
  for (const value of values) visit(value, 0);
  return bytes;
}

/** Half of what this machine or container has, at most 16 GiB. */
export function defaultHeapBudgetBytes(): number {
  const limit = process.constrainedMemory();
  const available = limit > 0 && limit < totalmem() ? limit : totalmem();
  return Math.min(available / 2, 16 * 1024 ** 3);
}
