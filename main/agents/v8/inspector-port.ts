/**
 * SIGUSR1 opens the inspector on one port only, 9229 unless the program was told another: as long as one process of a
 * cluster holds it, no other can open its own. An inspector that we opened there is therefore moved at once. The new
 * port is one of a small range, so that the next Heaphouse finds what a killed one has left open.
 */

/** Node's DEFAULT_INSPECTOR_PORT. */
export const DEFAULT_INSPECTOR_PORT = 9_229;
/** Not the range after 9229, which Node's own cluster module gives to workers of a program started with --inspect. */
export const MOVED_PORTS = { from: 19_230, to: 19_329 } as const;

export function isMovedPort(port: number): boolean {
  return port >= MOVED_PORTS.from && port <= MOVED_PORTS.to;
}

/**
 * Moves the inspector, called over that very inspector: closing waits for the connection that asks for it, hence the
 * timer. If the program's event loop is busy for longer than `waitMs` the inspector stays. Value: whether it will try.
 */
export function moveInspectorSource(port: number, waitMs: number): string {
  return `(() => {
  if (process.debugPort !== ${DEFAULT_INSPECTOR_PORT}) return false;
  const load = typeof process.getBuiltinModule === 'function' ? process.getBuiltinModule : require;
  const inspector = load('inspector');
  const deadline = Date.now() + ${waitMs};
  load('timers').setTimeout(() => {
    if (Date.now() > deadline) return;
    inspector.close();
    try {
      inspector.open(${port}, '127.0.0.1', false);
    } catch {
      process.debugPort = ${DEFAULT_INSPECTOR_PORT};
    }
  }, 0);
  return true;
})()`;
}

/**
 * Closes the inspector of the process after the answer has left, and gives the next SIGUSR1 its old port back. Evaluated
 * last, only when we opened it ourselves: nothing else closes it again. Value: true.
 */
export const CLOSE_INSPECTOR_SOURCE = `(() => {
  const load = typeof process.getBuiltinModule === 'function' ? process.getBuiltinModule : require;
  const inspector = load('inspector');
  load('timers').setTimeout(() => {
    inspector.close();
    if (process.debugPort >= ${MOVED_PORTS.from} && process.debugPort <= ${MOVED_PORTS.to}) process.debugPort = ${DEFAULT_INSPECTOR_PORT};
  }, 20);
  return true;
})()`;
