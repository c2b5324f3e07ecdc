/** The lines of a profile: everything that a place in the code stands for, wherever it was called from. */
import type { ProfileTree } from '#shared/model/allocations.ts';
import type { SortSpec } from '#shared/model/heap.ts';
import type { TreeProvider } from '../../components/tree-table/tree-types.ts';

export interface ProfileLine {
  name: string;
  url: string;
  line: number;
  /** Bytes or microseconds. */
  self: number;
  /** With what it calls; recursion is not counted twice. */
  total: number;
  samples: number;
  /** The node with the largest total, for the flame graph. */
  node: number;
}

export function linesOf(tree: ProfileTree): ProfileLine[] {
  const lines = new Map<number, ProfileLine>();
  const isRepeated = new Uint8Array(tree.parent.length);
  for (let node = 1; node < tree.parent.length; node++) {
    const frame = tree.frame[node] as number;
    for (let above = tree.parent[node] as number; above !== 0; above = tree.parent[above] as number) {
      if (tree.frame[above] === frame) {
        isRepeated[node] = 1;
        break;
      }
    }
  }
  const largest = new Map<number, number>();
  for (let node = 1; node < tree.parent.length; node++) {
    const frame = tree.frame[node] as number;
    const place = tree.frames[frame];
    if (!place) continue;
    let line = lines.get(frame);
    if (!line) lines.set(frame, (line = { ...place, self: 0, total: 0, samples: 0, node }));
    const total = tree.total[node] as number;
    line.self += tree.self[node] as number;
    line.samples += tree.samples[node] as number;
    if (!isRepeated[node]) line.total += total;
    if (total > (largest.get(frame) ?? -1)) {
      largest.set(frame, total);
      line.node = node;
    }
  }
  return [...lines.values()];
}

/** In any case, of function, file or line: `handlers.py:88`. */
export function matchesText(place: { name: string; url: string; line: number }, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return wanted === '' || `${place.name} ${place.url}:${place.line}`.toLowerCase().includes(wanted);
}

const COMPARE: Record<string, (a: ProfileLine, b: ProfileLine) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  place: (a, b) => a.url.localeCompare(b.url) || a.line - b.line,
  self: (a, b) => a.self - b.self,
  total: (a, b) => a.total - b.total,
  samples: (a, b) => a.samples - b.samples,
};

export function sortLines(lines: readonly ProfileLine[], sort: SortSpec | null): ProfileLine[] {
  const compare = COMPARE[sort?.by ?? 'self'] ?? (() => 0);
  const sign = sort?.order === 'ascending' ? 1 : -1;
  return [...lines].sort((a, b) => sign * compare(a, b) || b.self - a.self || a.name.localeCompare(b.name));
}

/** Lines without own share only call others; `self` 0 is left out of nothing but the filter. */
export function createLineProvider(lines: () => readonly ProfileLine[], text: () => string): TreeProvider<ProfileLine> {
  return {
    expandable: () => false,
    page(_parent, { start, end }, sort) {
      const all = lines();
      const found = sortLines(all.filter((line) => matchesText(line, text())), sort);
      return Promise.resolve({ rows: found.slice(start, end), total: found.length, unfiltered: all.length });
    },
  };
}

/** The end of a path, which tells files apart. */
export function shortPlace({ url, line }: { url: string; line: number }): string {
  if (url === '') return '';
  const file = url.replace(/^file:\/\//, '').split(/[\\/]/).slice(-2).join('/');
  return line > 0 ? `${file}:${line}` : file;
}
