/**
 * Mapping between the scroll bar and the rows. Chromium caps an element near 33.5 million pixels, so above a limit the
 * scroll bar is a scaled picture of the rows: dragging it moves in large steps, while wheel and keyboard move exactly.
 * `top` is the distance in row pixels (rows × row height) above the first visible pixel: the truth; the scroll bar
 * follows it.
 */
export const MAX_SCROLL_PX = 30_000_000;

export interface ScrollGeometry {
  rows: number;
  rowHeightPx: number;
  /** Height of the area that shows rows. */
  bodyHeightPx: number;
}

/** Height of the element that gives the scroll bar its length. */
export function scrollHeightPx({ rows, rowHeightPx }: ScrollGeometry): number {
  return Math.min(rows * rowHeightPx, MAX_SCROLL_PX);
}

export function isScaled({ rows, rowHeightPx }: ScrollGeometry): boolean {
  return rows * rowHeightPx > MAX_SCROLL_PX;
}

export function maxTopPx({ rows, rowHeightPx, bodyHeightPx }: ScrollGeometry): number {
  return Math.max(0, rows * rowHeightPx - bodyHeightPx);
}

export function clampTop(top: number, geometry: ScrollGeometry): number {
  return Math.max(0, Math.min(top, maxTopPx(geometry)));
}

/** Row pixels for a position of the scroll bar. */
export function topFromScroll(scrollTopPx: number, geometry: ScrollGeometry): number {
  if (!isScaled(geometry)) return clampTop(scrollTopPx, geometry);
  const range = scrollHeightPx(geometry) - geometry.bodyHeightPx;
  return clampTop((scrollTopPx / range) * maxTopPx(geometry), geometry);
}

/** Position of the scroll bar for row pixels. */
export function scrollFromTop(topPx: number, geometry: ScrollGeometry): number {
  if (!isScaled(geometry)) return topPx;
  const range = scrollHeightPx(geometry) - geometry.bodyHeightPx;
  return (topPx / maxTopPx(geometry)) * range;
}

/** `top` that brings a row into view with the least movement. */
export function topToReveal(row: number, topPx: number, geometry: ScrollGeometry): number {
  const rowTop = row * geometry.rowHeightPx;
  if (rowTop < topPx) return clampTop(rowTop, geometry);
  const rowEnd = rowTop + geometry.rowHeightPx;
  if (rowEnd > topPx + geometry.bodyHeightPx) return clampTop(rowEnd - geometry.bodyHeightPx, geometry);
  return topPx;
}
