/**
 * Figures of V8's heap in a Node.js or Electron process: one expression, evaluated once per reading, that leaves nothing
 * behind. Value: an object of plain numbers, or null where there is no `v8` module (a page).
 *
 * Evaluate it with `includeCommandLineAPI`: Node before 20.16 gives `require` to code of a module only that way.
 */
export const HEAP_SPACES_SOURCE = `(() => {
  if (typeof process !== 'object' || process === null || !process.versions || typeof process.versions.node !== 'string') return null;
  const load = typeof process.getBuiltinModule === 'function' ? process.getBuiltinModule : typeof require === 'function' ? require : null;
  if (load === null) return null;
  const v8 = load('v8');
  return {
    spaces: v8.getHeapSpaceStatistics(),
    heap: v8.getHeapStatistics(),
    code: v8.getHeapCodeStatistics ? v8.getHeapCodeStatistics() : null,
    memory: process.memoryUsage(),
  };
})()`;
