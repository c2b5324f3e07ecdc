/**
 * The whole of what the page gets from Electron: `window.heaphouse` (shared/contracts/window-bridge.ts). Bundled to one
 * self-contained CommonJS file, because a sandboxed preload script can require nothing but `electron`.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { PORT_MESSAGE, WINDOW_BRIDGE, type PortMessage, type WindowBridge } from '#shared/contracts/window-bridge.ts';

// The few names of the page's world that are used here; the rest of this folder has no DOM.
declare const window: { postMessage(message: unknown, targetOrigin: string, transfer: unknown[]): void };

/** Same text as CONNECT_CHANNEL in port-channel.ts, which cannot be imported into the sandbox's bundle for its types. */
const CONNECT_CHANNEL = 'heaphouse:connect';
const MAX_NONCE_CHARS = 128;

const bridge: WindowBridge<File> = {
  connect(nonce) {
    if (typeof nonce !== 'string' || nonce === '' || nonce.length > MAX_NONCE_CHARS) throw new TypeError('connect() wants a nonce');
    const { port1, port2 } = new MessageChannel();
    ipcRenderer.postMessage(CONNECT_CHANNEL, null, [port1]);
    const message: PortMessage = { type: PORT_MESSAGE, nonce };
    // A port cannot cross the context bridge; a message to our own window carries it. "/" is our own origin.
    window.postMessage(message, '/', [port2]);
  },
  pathForFile: (file) => webUtils.getPathForFile(file),
};

contextBridge.exposeInMainWorld(WINDOW_BRIDGE, bridge);
