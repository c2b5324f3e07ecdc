/** How objects of two snapshots are told apart, in words for the user. */
import type { HeapProducer } from '#shared/model/heap.ts';

const NOTES: Record<HeapProducer, string> = {
  v8: 'V8 gives every object an id that it keeps for life, so new, dead and survived are exact for two snapshots of one process.',
  cpython:
    'CPython has no object ids: an object counts as survived when address, type and evidence (size, references) agree. ' +
    'A new object that took the address of a dead one of the same type and the same shape cannot be told from it. ' +
    'A container that was empty in one of the snapshots shows no references to compare: it counts as survived when what holds it survived.',
  other: 'Objects are told apart by the ids in the files; whether those are stable depends on the program that wrote them.',
};

const OTHER_NUMBERING =
  'V8 has numbered all objects anew between the two snapshots (it does so when a debugger disconnects), or they are of two processes or threads: ' +
  'objects cannot be matched, so all of base counts as dead and all of compared as new. The columns base, compared and delta are right.';

export function identityNote(base: HeapProducer, compared: HeapProducer, idsComparable = true): string {
  if (base !== compared) {
    return 'The snapshots come from different kinds of runtime: only classes can be compared; new, dead and survived objects mean little.';
  }
  return idsComparable ? NOTES[base] : OTHER_NUMBERING;
}

/** Why two snapshots may not belong together, or null. Ids have a meaning only within one process. */
export function pairWarning(survivedObjects: number, baseObjects: number, comparedObjects: number): string | null {
  const smaller = Math.min(baseObjects, comparedObjects);
  // Two snapshots of one process share its runtime and modules; below a tenth they are hardly of the same process.
  if (smaller < 1_000 || survivedObjects >= smaller * 0.1) return null;
  return 'Hardly any object is in both snapshots: they are probably of two different processes, so compare the columns base and compared only.';
}
