/** Moves the focus between the panes of the window (F6), in the order they are read. */
export function cyclePane(step: 1 | -1): void {
  const panes = [...document.querySelectorAll<HTMLElement>('[data-pane]')].filter((pane) => pane.offsetParent !== null);
  if (panes.length === 0) return;
  const focused = document.activeElement;
  const current = panes.findIndex((pane) => pane === focused || pane.contains(focused));
  const next = current < 0 ? (step > 0 ? 0 : panes.length - 1) : (current + step + panes.length) % panes.length;
  panes[next]?.focus();
}

export function focusFirst(selector: string): void {
  const element = document.querySelector<HTMLElement>(selector);
  element?.focus();
  if (element instanceof HTMLInputElement) element.select();
}
