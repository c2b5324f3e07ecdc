/** Zoom of the window in the steps that browsers have; Electron keeps it for the next start. */
import type { WebContents } from 'electron';

/** A level is a factor of 1.2; these are 33 % to 300 %. */
const MIN_LEVEL = -6;
const MAX_LEVEL = 6;

export function zoom(contents: Pick<WebContents, 'getZoomLevel' | 'setZoomLevel'> | undefined, step: 'in' | 'out' | 'reset'): void {
  if (!contents) return;
  const level = step === 'reset' ? 0 : contents.getZoomLevel() + (step === 'in' ? 0.5 : -0.5);
  contents.setZoomLevel(Math.min(MAX_LEVEL, Math.max(MIN_LEVEL, level)));
}
