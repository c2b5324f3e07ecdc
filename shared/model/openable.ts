/**
 * Endings of files that the workbench opens, without the dot, for choosers that filter by them. What a file really is
 * is told by its first bytes, not by its name.
 */

/** Snapshots of a heap: V8's and ours, DevTools' with a timeline, the same compressed. */
export const SNAPSHOT_ENDINGS: readonly string[] = ['heapsnapshot', 'heaptimeline', 'json', 'gz', 'zst'];

/** The above and archives of sessions. */
export const OPENABLE_ENDINGS: readonly string[] = [...SNAPSHOT_ENDINGS, 'heaphouse'];
