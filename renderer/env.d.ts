/** What Electron's preload exposes to the page; absent on the web host. */
interface Window {
  readonly heaphouse?: import('#shared/contracts/window-bridge.ts').WindowBridge<File>;
}
