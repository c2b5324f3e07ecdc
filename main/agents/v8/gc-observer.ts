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
/** A collection's reading takes about 3 KB in the target; a program that never comes to rest reports no collection by itself. */
export const PROFILE_AT_MOST_MS = 1_000;
/** Longer than any snapshot stops a target. */
export const LEASE_MS = 10 * 60 * 1000;

/**
 * Source of an expression with value null (no such observer here: a page) or an object:
 *   info        "version|pid|electron version" of the process
 *   read()      "used,total,external,rss" in bytes (rss only if `withRss`), renews the lease
 *   renew()     true while the observer runs
 *   flush()     sends what is held
 *   stop()      disconnects the observer
 *   rotate()    sends what V8's profiler of collections holds; it has no bound of its own
 * Collections are reported through the binding as JSON: [now, kind, start, duration, kind, start, duration, …] in
 * milliseconds of the process's own monotonic clock; `kind` is V8's GCType plus 256 times its GCCallbackFlags.
 * Where V8 has a profiler of collections (Node 18.15, 19.6) its readings follow as a list of their own, before the
 * collections they belong to or together with them: [now, …, [from, to, kind, cost, before, after, kind, …]] are the
 * collections that began between two moments, in order, with the milliseconds they took and the bytes of used heap.
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
  const Profiler = load('v8').GCProfiler;
  let profiler = null;
  let profiledFrom = 0;
  const startProfiler = () => {
    profiler = new Profiler();
    profiledFrom = now();
    profiler.start();
  };
  const codeOf = (name) => (name === 'Scavenge' ? 1 : name === 'MarkSweepCompact' ? 4 : name === 'IncrementalMarking' ? 8 : name === 'ProcessWeakCallbacks' ? 16 : 2);
  // Text of the readings since the last time, and a new profiler; '' when there are none.
  const profiled = (again) => {
    if (profiler === null) return '';
    const found = profiler.stop().statistics;
    let text = ',[' + profiledFrom + ',' + now();
    for (let i = 0; i < found.length; i++) {
      const one = found[i];
      text += ',' + codeOf(one.gcType) + ',' + one.cost / 1000 + ',' + one.beforeGC.heapStatistics.usedHeapSize + ',' + one.afterGC.heapStatistics.usedHeapSize;
    }
    profiler = null;
    if (again) startProfiler();
    return found.length === 0 ? '' : text + ']';
  };
  const send = (again) => {
    sentAt = now();
    // Numbers and commas: nothing here can call into the program.
    let text = '[' + sentAt;
    for (let i = 0; i < held.length; i++) text += ',' + held[i];
    held = [];
    text += profiled(again);
    if (report) report(text + ']');
  };
  const flush = () => {
    if (held.length > 0) send(observer !== null);
  };
  const rotate = () => {
    if (observer !== null && profiler !== null && now() - profiledFrom >= ${PROFILE_AT_MOST_MS}) send(true);
  };
  const stop = () => {
    if (observer) observer.disconnect();
    observer = null;
    held = [];
    if (profiler !== null) profiler.stop();
    profiler = null;
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
    if (typeof Profiler === 'function') startProfiler();
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
    rotate,
    stop,
    read(withRss) {
      const s = heapStatistics();
      renew();
      return s.used_heap_size + ',' + s.total_heap_size + ',' + s.external_memory + ',' + (withRss ? residentBytes() : '');
    },
  };
})()`;
}
