/** jsdom has no layout: every box is as large as a window's table. */
export function giveLayout(heightPx = 600, widthPx = 1_000): void {
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => heightPx });
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => widthPx });
}
