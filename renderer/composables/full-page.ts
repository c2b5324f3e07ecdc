/** Pages of the analysis are cut to 1 MiB; a cut one is asked for again from where it ended, so that the window is whole. */
import type { Page } from '#shared/model/heap.ts';

interface Window {
  start: number;
  end: number;
}

export async function fullPage<Row>(window: Window, fetch: (window: Window) => Promise<Page<Row>>): Promise<Page<Row>> {
  const first = await fetch(window);
  const end = Math.min(window.end, first.total);
  if (first.rows.length === 0 || window.start + first.rows.length >= end) return first;
  const rows = [...first.rows];
  while (window.start + rows.length < end) {
    const next = await fetch({ start: window.start + rows.length, end: window.end });
    if (next.rows.length === 0) break;
    rows.push(...next.rows);
  }
  return { ...first, rows };
}
