/**
 * Colours of a treemap: the classes that take the most area have a hue of their own and stand in the legend, all others
 * are grey. A class keeps its hue while one drills in and out.
 */
import type { TreemapCell } from '#shared/model/heap-explore.ts';
import type { CellBox } from './treemap-layout.ts';

/** Hues far enough apart to be told from each other, also without red and green. */
const HUES = [212, 32, 150, 276, 352, 182, 52, 318, 96, 244] as const;

export interface LegendEntry {
  readonly className: string;
  readonly hue: number;
  /** Bytes of the areas in this colour. */
  readonly bytes: number;
  readonly objects: number;
}

/** Area by class: each box counts what is not covered by boxes inside of it. */
export function treemapLegend(cells: readonly TreemapCell[], boxes: readonly CellBox[], known: Map<string, number>): LegendEntry[] {
  const totals = new Map<string, { bytes: number; objects: number }>();
  const add = (className: string, bytes: number, objects: number) => {
    const entry = totals.get(className) ?? { bytes: 0, objects: 0 };
    entry.bytes += bytes;
    entry.objects += objects;
    totals.set(className, entry);
  };
  for (const { cell: index, inner } of boxes) {
    const cell = cells[index];
    if (!cell || cell.className === '' || inner) continue;
    add(cell.className, cell.bytes, cell.role === 'object' ? 1 : cell.objects);
  }
  const largest = [...totals].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, HUES.length);
  const shown = new Set(largest.map(([className]) => className));
  const taken = new Set([...known].filter(([className]) => shown.has(className)).map(([, place]) => place));
  return largest.map(([className, { bytes, objects }]) => {
    let place = known.get(className);
    if (place === undefined || !taken.has(place)) {
      place = HUES.findIndex((_, index) => !taken.has(index));
      known.set(className, place);
      taken.add(place);
    }
    return { className, hue: HUES[place] as number, bytes, objects };
  });
}

/** Lightness after depth and theme, so that what lies within another stands out from it. `hue` null: a class without one. */
export function treemapFill(hue: number | null, depth: number, dark: boolean, faded = false): string {
  const step = Math.min(depth, 4);
  if (hue === null || faded) return dark ? `hsl(220 8% ${20 + step * 3}%)` : `hsl(220 12% ${92 - step * 3}%)`;
  return dark ? `hsl(${hue} 36% ${25 + step * 4}%)` : `hsl(${hue} 62% ${86 - step * 4}%)`;
}
