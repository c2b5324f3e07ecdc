/**
 * What Electron's preload script puts into the page, as `window.heaphouse`. In a browser it is absent, and the page
 * talks to the web host over a WebSocket instead.
 *
 * Connecting: the page makes up a nonce, listens for `message`, calls `connect(nonce)`, and takes `event.ports[0]` of
 * the one message whose `source` is the window itself and whose data is `{ type: PORT_MESSAGE, nonce }`. A page has at most
 * one port: connecting again, or loading the page again, closes the one before.
 */
export const WINDOW_BRIDGE = 'heaphouse';
export const PORT_MESSAGE = 'heaphouse:port';

/** `F` is the DOM's `File`, which this folder has no types for. */
export interface WindowBridge<F = unknown> {
  connect(nonce: string): void;
  /** Path of a file that was dropped on the window or chosen in it; empty when it is not from the disk. */
  pathForFile(file: F): string;
}

export interface PortMessage {
  type: typeof PORT_MESSAGE;
  nonce: string;
}
