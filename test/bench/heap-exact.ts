import type { DumpedClass, HeapDump } from './heap-dump.ts';

/**
 * Differences between two engines' results, in words, the worst kinds first. Classes of the same name are compared as
 * a group (source positions split them in both engines). Every value has to be the same; what a class shows for objects
 * that are not reached is made the same before (distancesAsDevTools in heap-dump.ts).
 */
export function compareDumps(ours: HeapDump, theirs: HeapDump): string[] {
  const found: string[] = [];
  if (ours.id.length !== theirs.id.length) return [`nodes: ${ours.id.length}, DevTools ${theirs.id.length}`];
  const mine = byName(ours.classes);
  const other = byName(theirs.classes);
  for (const [name, list] of other) {
    const own = mine.get(name);
    if (!own) found.push(`class ${name} (${list.length}) is missing`);
    else if (own.join('\n') !== list.join('\n')) found.push(`class ${name}: ${own.join(' | ')}, DevTools ${list.join(' | ')}`);
  }
  for (const name of mine.keys()) if (!other.has(name)) found.push(`class ${name} is not in DevTools`);
  for (const column of ['id', 'shallow', 'retained', 'distance'] as const) {
    let differing = 0;
    let example = -1;
    for (let node = 0; node < ours.id.length; node++) {
      if (ours[column][node] === theirs[column][node]) continue;
      differing++;
      if (example < 0) example = node;
    }
    if (differing === 0) continue;
    const values = `${ours[column][example]!}, DevTools ${theirs[column][example]!}`;
    found.push(`${column} of ${differing} nodes, e.g. node ${example} @${ours.id[example]!}: ${values}`);
  }
  return found;
}

function byName(classes: readonly DumpedClass[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const { name, objects, shallowBytes, retainedBytes, distance } of classes) {
    const text = `${objects} objects, ${shallowBytes} shallow, ${retainedBytes} retained${distance < 0 ? '' : `, distance ${distance}`}`;
    const list = map.get(name.slice(0, 900)) ?? [];
    list.push(text);
    map.set(name.slice(0, 900), list.sort());
  }
  return map;
}
