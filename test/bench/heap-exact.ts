import type { DumpedClass, HeapDump } from './heap-dump.ts';

/**
 * Differences between two engines' results, in words, the worst kinds first. Classes of the same name are compared as
 * a group (source positions split them in both engines). DevTools' "not reached" is ours, except that in a class it is
 * the smallest distance there and no distance here; those are left out.
 */
export function compareDumps(ours: HeapDump, theirs: HeapDump): string[] {
  const found: string[] = [];
  if (ours.id.length !== theirs.id.length) return [`nodes: ${ours.id.length}, DevTools ${theirs.id.length}`];
  const mine = byName(ours.classes);
  const other = byName(theirs.classes);
  for (const [name, list] of other) {
    const own = mine.get(name);
    if (!own) found.push(`class ${name} (${list.length}) is missing`);
    else if (!sameEntries(own, list)) found.push(`class ${name}: ${own.join(' | ')}, DevTools ${list.join(' | ')}`);
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

const DISTANCE = /, distance .*$/;

/** The same lines; where theirs has no distance (one of its objects is not reached) ours may have one. */
function sameEntries(own: readonly string[], list: readonly string[]): boolean {
  const left = [...own];
  // Lines that say more first, so that none of the others takes their match.
  for (const line of [...list].sort((a, b) => Number(DISTANCE.test(b)) - Number(DISTANCE.test(a)))) {
    const at = left.findIndex((mine) => mine === line || (!DISTANCE.test(line) && mine.replace(DISTANCE, '') === line));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return left.length === 0;
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
