/**
 * What we put into a Node.js process while we watch it: one observer of its garbage collections and one reader of its
 * heap figures. Evaluated once; it leaves no global (the value lives only as a remote object of our session), reads
 * nothing of the program and changes nothing of it.
 *
 * It calls nothing that a program replaces for its tests (`JSON`, `Date`, `performance.now`, array methods): such a
 * program neither sees us nor confuses us. If we vanish without saying goodbye (killed), nobody renews the lease
 * and the observer stops itself at a later collection.
 *
 * The program is text and not a function because it runs in Node 18 and later whatever compiles ours.
 */

/** Reports are sent at once after a quiet time, then together: at most 20 a second. */
const REPORT_EVERY_MS = 50;
const MAX_HELD_EVENTS = 64;
/** Longer than any snapshot stops a target. */
export const LEASE_MS = 10 * 60 * 1000;

/**
 * Source of an expression with value null (no such observer here: a page) or an object:
 *   info        "version|pid|electron version" of the process
 *   read()      "used,total,external,rss" in bytes (rss only if `withRss`), renews the lease
 *   renew()     true while the observer runs
 *   flush()     sends what is held
 *   stop()      disconnects the observer
 * Collections are reported through the binding as JSON: [now, kind, start, duration, kind, start, duration, …] in
 * milliseconds of the process's own monotonic clock; `kind` is V8's GCType plus 256 times its GCCallbackFlags.
 *
 * Evaluate it with `includeCommandLineAPI`: Node before 20.16 gives `require` to code of a module only that way.
 */
export function gcObserverSource(bindingName: string): string {
  return `(() => {
  const name = ${JSON.stringify(bindingName)};
  const report = globalThis[name];
  delete globalThis[name];
  if (typeof process !== 'object' || process === null || process.type === 'renderer' || !process.versions) return null;
  const load = typeof process.getBuiltinModule === 'function' ? process.getBuiltinModule : typeof require === 'function' ? require : null;
  if (load === null || typeof process.versions.node !== 'string') return null;
  const hooks = load('perf_hooks');
  const heapStatistics = load('v8').getHeapStatistics;
  const residentBytes = process.memoryUsage.rss;
  const clock = hooks.performance;
  const now = Function.prototype.call.bind(Object.getPrototypeOf(clock).now || clock.now, clock);
  let held = [];
  let sentAt = -1e9;
  let leaseEndsAt = now() + ${LEASE_MS};
  let observer = null;
  const flush = () => {
    if (held.length === 0) return;
    sentAt = now();
    // Numbers and commas: nothing here can call into the program.
    let text = '[' + sentAt;
    for (let i = 0; i < held.length; i++) text += ',' + held[i];
    held = [];
    if (report) report(text + ']');
  };
  const stop = () => {
    if (observer) observer.disconnect();
    observer = null;
    held = [];
  };
  if (typeof report === 'function') {
    observer = new hooks.PerformanceObserver((list) => {
      try {
        const at = now();
        if (at > leaseEndsAt) return stop();
        const entries = list.getEntries();
        for (let i = 0; i < entries.length; i++) {
          const entry = entries[i];
          const what = entry.detail || entry;
          held[held.length] = what.kind + (what.flags > 0 ? 256 * what.flags : 0);
          held[held.length] = entry.startTime;
          held[held.length] = entry.duration;
        }
        if (at - sentAt >= ${REPORT_EVERY_MS} || held.length > ${MAX_HELD_EVENTS * 3}) flush();
      } catch (error) {
        // Thrown on, it would end the program as an uncaught exception of its own.
        stop();
      }
    });
    observer.observe({ entryTypes: ['gc'] });
  }
  const renew = () => {
    leaseEndsAt = now() + ${LEASE_MS};
    flush();
    return observer !== null;
  };
  return {
    info: process.version + '|' + process.pid + '|' + (process.versions.electron || ''),
    renew,
    flush,
    stop,
    read(withRss) {
      const s = heapStatistics();
      renew();
      return s.used_heap_size + ',' + s.total_heap_size + ',' + s.external_memory + ',' + (withRss ? residentBytes() : '');
    },
  };
})()`;
}
