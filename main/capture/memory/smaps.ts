/**
 * Parser of /proc/PID/smaps and smaps_rollup (proc(5)). Pure. What is not a mapping header or a known figure is passed
 * over; text that is none of it gives an empty list.
 */
import type { MemoryAmounts } from '#shared/model/memory.ts';

export interface Mapping extends MemoryAmounts {
  /** Address as the kernel writes it. Numbers are exact below 2^53, that is for every user address without LA57. */
  startHex: string;
  start: number;
  end: number;
  /** `rw-p` */
  permissions: string;
  inode: string;
  /** A path, `[heap]`, or empty. `\012` and the like as the kernel escapes them. */
  name: string;
  /** Pages that belong to no file. */
  anonymousBytes: number;
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) ([rwxsp-]{4}) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ (\d+)\s*(.*)$/;
const FIGURE = /^(\w+): +(\d+) kB$/;
/** A process has at most `vm.max_map_count` mappings, 65,530 by default; some raise it to 2^18 or 2^20. */
export const MAX_MAPPINGS = 1_100_000;

export function parseSmaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  let current: Mapping | null = null;
  let from = 0;
  while (from < text.length && mappings.length < MAX_MAPPINGS) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    const line = text.slice(from, to);
    from = to + 1;
    const first = line.charCodeAt(0);
    // Figures begin with a capital letter, headers with a hexadecimal digit.
    if (first >= 65 && first <= 90) {
      if (current) addFigure(current, line);
      continue;
    }
    const match = HEADER.exec(line);
    if (!match) continue;
    const [, startHex = '0', endHex = '0', permissions = '----', inode = '0', name = ''] = match;
    current = { startHex, start: parseInt(startHex, 16), end: parseInt(endHex, 16), permissions, inode, name, anonymousBytes: 0, ...noAmounts() };
    mappings.push(current);
  }
  return mappings;
}

function addFigure(mapping: Mapping, line: string): void {
  const colon = line.indexOf(':');
  const field = FIELDS[line.slice(0, colon)];
  if (!field) return;
  const match = FIGURE.exec(line);
  if (match) mapping[field] += Number(match[2]) * 1_024;
}

const FIELDS: Record<string, keyof MemoryAmounts | 'anonymousBytes'> = {
  Size: 'virtualBytes',
  Rss: 'residentBytes',
  Pss: 'proportionalBytes',
  Private_Dirty: 'privateDirtyBytes',
  Private_Clean: 'privateCleanBytes',
  Shared_Clean: 'sharedBytes',
  Shared_Dirty: 'sharedBytes',
  Swap: 'swappedBytes',
  Anonymous: 'anonymousBytes',
};

export function noAmounts(): MemoryAmounts {
  return { virtualBytes: 0, residentBytes: 0, proportionalBytes: 0, privateDirtyBytes: 0, privateCleanBytes: 0, sharedBytes: 0, swappedBytes: 0 };
}

const AMOUNTS = Object.keys(noAmounts()) as (keyof MemoryAmounts)[];

export function addAmounts(to: MemoryAmounts, more: MemoryAmounts): void {
  for (const field of AMOUNTS) to[field] += more[field];
}

export interface Rollup {
  residentBytes: number;
  proportionalBytes: number;
  swappedBytes: number;
}

/** The kernel's sums; null for any other text. */
export function parseRollup(text: string): Rollup | null {
  const read = (name: string): number | null => {
    const match = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text);
    return match ? Number(match[1]) * 1_024 : null;
  };
  const residentBytes = read('Rss');
  const proportionalBytes = read('Pss');
  if (residentBytes === null || proportionalBytes === null) return null;
  return { residentBytes, proportionalBytes, swappedBytes: read('Swap') ?? 0 };
}
