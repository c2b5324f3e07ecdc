/** Colours of charts, read from the CSS variables of the current theme. Options never name a colour themselves. */
export interface ChartTheme {
  text: string;
  textMuted: string;
  grid: string;
  border: string;
  font: string;
  rss: string;
  heapUsed: string;
  heapTotal: string;
  external: string;
  gc: readonly [string, string, string];
  mark: string;
  accent: string;
}

export function readChartTheme(element: Element = document.documentElement): ChartTheme {
  const style = getComputedStyle(element);
  const value = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: value('--text-2', '#444'),
    textMuted: value('--text-3', '#777'),
    grid: value('--chart-grid', '#eee'),
    border: value('--border', '#ccc'),
    font: value('--sans', 'sans-serif'),
    rss: value('--series-rss', '#666'),
    heapUsed: value('--series-heap-used', '#25c'),
    heapTotal: value('--series-heap-total', '#8ae'),
    external: value('--series-external', '#b60'),
    gc: [value('--series-gc-0', '#b9d'), value('--series-gc-1', '#85c'), value('--series-gc-2', '#529')],
    mark: value('--series-mark', '#b22'),
    accent: value('--accent', '#25c'),
  };
}

/** Values of CSS variables of the current theme, by name (`--cat-0`); a canvas does not know variables. */
export function readColours(names: readonly string[], element: Element = document.documentElement): Map<string, string> {
  const style = getComputedStyle(element);
  return new Map(names.map((name) => [name, style.getPropertyValue(name).trim() || '#888888']));
}
