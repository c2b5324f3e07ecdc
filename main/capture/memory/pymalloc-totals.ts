/** Totals of pymalloc: from the pools as read, or from the text that the interpreter writes about itself. Pure. */
import type { PymallocReport, SizeClassRow } from '#shared/model/memory.ts';
import { ALIGNMENT_BYTES, blockBytes, capacityOf, POOL_HEADER_BYTES, SIZE_CLASSES, type PymallocSizes } from './pymalloc-layout.ts';

/** What is counted while pools are read. */
export interface PoolCounts {
  pools: Float64Array;
  used: Float64Array;
  arenas: number;
  freePools: number;
  arenaAlignmentBytes: number;
}

export function noCounts(): PoolCounts {
  return { pools: new Float64Array(SIZE_CLASSES), used: new Float64Array(SIZE_CLASSES), arenas: 0, freePools: 0, arenaAlignmentBytes: 0 };
}

/** The same sums as `_PyObject_DebugMallocStats`. */
export function totalsOf(counts: PoolCounts, sizes: PymallocSizes, ever?: { allocated: number; reclaimed: number; highWater: number } | null): PymallocReport {
  const { arenaBytes, poolBytes } = sizes;
  const classes: SizeClassRow[] = [];
  const sum = { poolsUsed: 0, blocksUsed: 0, blocksFree: 0, usedBytes: 0, freeBlockBytes: 0, quantizationBytes: 0 };
  for (let index = 0; index < SIZE_CLASSES; index++) {
    const pools = counts.pools[index];
    if (pools === 0) continue;
    const bytes = blockBytes(index);
    const blocks = pools * capacityOf(index, poolBytes);
    const blocksUsed = counts.used[index];
    const blocksFree = blocks - blocksUsed;
    const quantization = pools * ((poolBytes - POOL_HEADER_BYTES) % bytes);
    classes.push({
      index,
      blockBytes: bytes,
      pools,
      blocksUsed,
      blocksFree,
      usedBytes: blocksUsed * bytes,
      freeBytes: blocksFree * bytes,
      overheadBytes: pools * POOL_HEADER_BYTES + quantization,
      occupancyPercent: blocks > 0 ? (blocksUsed / blocks) * 100 : 0,
    });
    sum.poolsUsed += pools;
    sum.blocksUsed += blocksUsed;
    sum.blocksFree += blocksFree;
    sum.usedBytes += blocksUsed * bytes;
    sum.freeBlockBytes += blocksFree * bytes;
    sum.quantizationBytes += quantization;
  }
  const totalBytes = counts.arenas * arenaBytes;
  const freePoolBytes = counts.freePools * poolBytes;
  return {
    arenaBytes,
    poolBytes,
    alignmentBytes: ALIGNMENT_BYTES,
    arenas: counts.arenas,
    arenasAllocated: ever?.allocated ?? null,
    arenasReclaimed: ever?.reclaimed ?? null,
    arenasHighWater: ever?.highWater ?? null,
    poolsFree: counts.freePools,
    freePoolBytes,
    poolHeaderBytes: sum.poolsUsed * POOL_HEADER_BYTES,
    arenaAlignmentBytes: counts.arenaAlignmentBytes,
    totalBytes,
    fragmentationPercent: totalBytes > 0 ? ((sum.freeBlockBytes + freePoolBytes) / totalBytes) * 100 : 0,
    classes,
    ...sum,
  };
}

const CLASS_LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/;

/**
 * The text of `sys._debugmallocstats()` as totals; null when it is not pymalloc's (malloc, mimalloc, an unknown build).
 * Columns of a class line: class, size, pools, blocks in use, blocks available.
 */
export function parsePymallocText(text: string): PymallocReport | null {
  const figure = (label: string): number | null => {
    const match = new RegExp(`^#? ?${label} *= *([\\d,]+)`, 'm').exec(text);
    return match ? Number(match[1].replaceAll(',', '')) : null;
  };
  const arenas = /^(\d+) arenas \* (\d+) bytes\/arena/m.exec(text);
  const unused = /^(\d+) unused pools \* (\d+) bytes/m.exec(text);
  if (!arenas || !unused) return null;
  const sizes = { arenaBytes: Number(arenas[2]), poolBytes: Number(unused[2]) };
  const counts = noCounts();
  counts.arenas = Number(arenas[1]);
  counts.freePools = Number(unused[1]);
  counts.arenaAlignmentBytes = figure('bytes lost to arena alignment') ?? 0;
  for (const line of text.split('\n')) {
    const match = CLASS_LINE.exec(line);
    const index = Number(match?.[1]);
    if (!match || index >= SIZE_CLASSES || Number(match[2]) !== blockBytes(index)) continue;
    counts.pools[index] = Number(match[3]);
    counts.used[index] = Number(match[4]);
  }
  const allocated = figure('arenas allocated total');
  const reclaimed = figure('arenas reclaimed');
  const highWater = figure('arenas highwater mark');
  return totalsOf(counts, sizes, allocated === null || reclaimed === null || highWater === null ? null : { allocated, reclaimed, highWater });
}
