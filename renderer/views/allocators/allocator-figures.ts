/** Figures of an allocator as tiles and as parts of what it holds. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatPercent } from '#shared/format/percent.ts';
import type { AllocatorFigure, AllocatorReport, PymallocReport, V8Report } from '#shared/model/memory.ts';
import type { AllocatorPane } from '../../navigation/memory-nav.ts';
import type { Figure } from '../memory/FigureTiles.vue';
import type { BarPart } from '../memory/StackedBar.vue';

/** Above this share of free bytes a heap is worth a look. */
const FRAGMENTED_PERCENT = 40;

const bytes = (id: string, label: string, value: number, title: string): Figure => ({ id, label, value: formatBytes(value), title: `${title}\n${formatBytesExact(value)}` });

export function pymallocFigures(report: PymallocReport): Figure[] {
  const figures: Figure[] = [
    { id: 'arenas', label: 'Arenas', value: formatCount(report.arenas), detail: `${formatBytes(report.arenaBytes)} each`, title: 'What pymalloc asks the system for, and returns when no block in it is used' },
    bytes('pymalloc-total', 'Held', report.totalBytes, 'All arenas'),
    bytes('pymalloc-used', 'Live blocks', report.usedBytes, `${formatCount(report.blocksUsed)} blocks that hold objects or tables`),
    bytes('free-blocks', 'Free in used pools', report.freeBlockBytes, `${formatCount(report.blocksFree)} blocks that only objects of their size can use`),
    bytes('free-pools', 'Free pools', report.freePoolBytes, `${formatCount(report.poolsFree)} pools that any size can use, but no other allocator`),
    {
      id: 'fragmentation',
      label: 'Fragmentation',
      value: formatPercent(report.fragmentationPercent / 100),
      fraction: report.fragmentationPercent / 100,
      title: 'Free bytes of all bytes in arenas: what live blocks keep from being returned',
      ...(report.fragmentationPercent >= FRAGMENTED_PERCENT ? { tone: 'warn' as const } : {}),
    },
  ];
  const { arenasHighWater, arenasAllocated, arenasReclaimed } = report;
  if (arenasHighWater !== null) figures.push({ id: 'high-water', label: 'Most arenas ever', value: formatCount(arenasHighWater) });
  if (arenasAllocated !== null) {
    figures.push({ id: 'allocated', label: 'Asked for', value: formatCount(arenasAllocated), ...(arenasReclaimed === null ? {} : { detail: `${formatCount(arenasReclaimed)} returned` }), title: 'Arenas since the start of the interpreter' });
  }
  return figures;
}

export function pymallocParts(report: PymallocReport): BarPart[] {
  return [
    { id: 'used', label: 'Live blocks', bytes: report.usedBytes, colour: 'var(--cat-0)' },
    { id: 'free-blocks', label: 'Free blocks', bytes: report.freeBlockBytes, colour: 'var(--cat-6)' },
    { id: 'free-pools', label: 'Free pools', bytes: report.freePoolBytes, colour: 'var(--cat-9)' },
    { id: 'headers', label: 'Pool headers', bytes: report.poolHeaderBytes, colour: 'var(--cat-3)' },
    { id: 'quantization', label: 'Ends of pools', bytes: report.quantizationBytes, colour: 'var(--cat-2)' },
    { id: 'alignment', label: 'Ends of arenas', bytes: report.arenaAlignmentBytes, colour: 'var(--cat-4)' },
  ];
}

const SPACE_COLOURS = ['--cat-0', '--cat-1', '--cat-2', '--cat-3', '--cat-5', '--cat-4', '--cat-6', '--cat-7', '--cat-10', '--cat-11', '--cat-8', '--cat-9'];
export const spaceColour = (index: number): string => `var(${SPACE_COLOURS[index % SPACE_COLOURS.length]})`;

export function v8Figures(report: V8Report): Figure[] {
  const used = report.spaces.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  const committed = report.spaces.reduce((sum, { committedBytes }) => sum + committedBytes, 0);
  const optional = (id: string, label: string, value: number | null, title: string) => (value === null ? [] : [bytes(id, label, value, title)]);
  const share = report.heapLimitBytes ? used / report.heapLimitBytes : null;
  return [
    bytes('v8-used', 'Heap used', used, 'Objects in all spaces, dead ones that are not yet collected included'),
    bytes('v8-committed', 'Committed', committed, 'What V8 has asked the system for'),
    ...(report.heapLimitBytes === null ? [] : [{ ...bytes('v8-limit', 'Heap limit', report.heapLimitBytes, 'Beyond it the process ends (--max-old-space-size)'), fraction: share, ...(share !== null && share > 0.85 ? { tone: 'warn' as const } : {}) }]),
    ...optional('v8-external', 'External', report.externalBytes, 'Native memory that objects hold'),
    ...optional('v8-array-buffers', 'Array buffers', report.arrayBuffersBytes, 'Buffers and typed arrays; part of external'),
    ...optional('v8-malloced', 'Malloced', report.mallocedBytes, "V8's own memory from malloc"),
    ...optional('v8-peak-malloced', 'Malloced, most ever', report.peakMallocedBytes, "Peak of V8's own memory from malloc"),
    ...optional('v8-code', 'Code', report.codeBytes, 'Compiled code and its metadata'),
    ...optional('v8-bytecode', 'Bytecode', report.bytecodeBytes, 'Bytecode and its metadata'),
    ...optional('v8-global-handles', 'Global handles', report.globalHandlesBytes, 'References from native code'),
    ...(report.nativeContexts === null ? [] : [{ id: 'v8-contexts', label: 'Contexts', value: formatCount(report.nativeContexts), title: 'Global objects with their built-ins; one that grows is a leak' }]),
    ...(report.detachedContexts === null || report.detachedContexts === 0 ? [] : [{ id: 'v8-detached', label: 'Detached contexts', value: formatCount(report.detachedContexts), tone: 'warn' as const, title: 'Contexts that were closed and are still held: usually a leak' }]),
  ];
}

export function figureText({ value, unit }: AllocatorFigure): { text: string; title: string } {
  if (unit === 'bytes') return { text: formatBytes(value), title: formatBytesExact(value) };
  if (unit === 'percent') return { text: formatPercent(value / 100), title: `${value} %` };
  return { text: formatCount(value), title: formatCount(value) };
}

const HISTORY = { id: 'history', label: 'Over time' } as const;

/** Panes that this target has something for, the most telling first. */
export function panesOf(report: AllocatorReport | null): { id: AllocatorPane; label: string }[] {
  const panes: { id: AllocatorPane; label: string }[] = [];
  if (report === null) return [HISTORY];
  if (report.pymalloc !== null || report.pymallocReason !== null) panes.push({ id: 'pools', label: 'Arenas and pools' }, { id: 'classes', label: 'Size classes' });
  if (report.v8 !== null) panes.push({ id: 'spaces', label: 'Heap spaces' });
  if (report.glibc !== null || report.other.length > 0) panes.push({ id: 'native', label: 'Native allocators' });
  return [...panes, HISTORY];
}
