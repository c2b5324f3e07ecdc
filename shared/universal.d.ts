// The few globals that Node, Electron and browsers share and that code in this folder may use. Only this folder's own
// type check reads the file: everywhere else the runtime's full types apply.
interface AbortSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
interface AbortController {
  readonly signal: AbortSignal;
  abort(): void;
}
declare const AbortController: { new (): AbortController };
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;
