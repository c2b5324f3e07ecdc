import { cutAt, textOf } from './strings.ts';
import { float64, release, scratch, uint32 } from './columns.ts';
import type { Column } from './columns.ts';
import { DETACHED } from './detachedness.ts';
import { NONE } from './heap.ts';
import type { ClassTable, Heap, KindNumbers, LocationTable } from './heap.ts';
import { inferInterfaces } from './interfaces.ts';
import type { InterfaceNames } from './interfaces.ts';
import type { KnownStrings } from './known-strings.ts';
import type { RawHeap } from './raw-heap.ts';
import { native } from './native.ts';
import type { NativeLoops } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * Class of every node, into `classOf`, and shallow totals by class. V8: Chrome DevTools' rules (name of objects, `Function` for
 * closures, `(system)` for hidden nodes, tag only for DOM nodes, interfaces for plain objects, source position to tell
 * equal names apart). With a `class_name` column that column. Nodes of no size count in no class's totals.
 */
export async function nameClasses(
  raw: RawHeap,
  kinds: KindNumbers,
  known: KnownStrings,
  shallow: Column,
  locations: LocationTable | null,
  classOf: Uint32Array,
  run?: RunOptions,
): Promise<ClassTable> {
  const { nodeCount, nodeKind } = raw;
  const labels = createLabels(raw, known);
  const column = raw.extra.get('class_name');
  const ids = createClassIds();
  const byRule = column ? null : await labelsByRule(raw, kinds, known, labels, run);
  const labelOf = byRule ? byRule.labelOf : labelsFromColumn(raw, known, column!, labels);
  const loops = native();
  const rows = loops && byRule ? await firstRowsNatively(raw, kinds, locations, loops, run) : null;
  const locationAt = rows ? rowAt(locations, rows) : createLocationIds(locations);
  const classAt = (node: number): number => ids.of(labelOf(node), nodeKind[node] === kinds.object ? locationAt(node) : NONE);
  if (loops && byRule && rows) {
    await nameNatively(raw, kinds, { loops, classOf, classAt, rows, locations, interfaces: byRule.interfaces, plainName: byRule.plainName }, run);
  } else {
    await inSlices(run, 'classes', nodeCount, 1 << 15, (from, to) => {
      for (let node = from; node < to; node++) classOf[node] = classAt(node);
    });
  }
  if (byRule) for (const room of [byRule.interfaces.nodes, byRule.interfaces.interfaceOf]) release(room);

  const count = ids.labels.length;
  const kind = new Uint8Array(count);
  const named = new Uint8Array(count);
  const objects = uint32(count);
  const totals = float64(count);
  await inSlices(run, 'classes', nodeCount, 1 << 16, (from, to) => {
    if (loops) {
      loops.classTotals(nodeKind, classOf, shallow, kind, named, objects, totals, from, to);
      return;
    }
    for (let node = from; node < to; node++) {
      const size = shallow[node]!;
      const index = classOf[node]!;
      if (named[index] === 0) {
        named[index] = 1;
        kind[index] = nodeKind[node]!;
      }
      if (size === 0) continue;
      if (objects[index] === 0) kind[index] = nodeKind[node]!;
      objects[index]!++;
      totals[index]! += size;
    }
  });
  return {
    count,
    label: Uint32Array.from(ids.labels),
    extraNames: labels.extra,
    location: Uint32Array.from(ids.locations),
    kind,
    objects,
    shallow: totals,
  };
}

/** Name of a class, cut to `maxChars`. */
export function className(heap: Pick<Heap, 'classes' | 'strings'>, classIndex: number, maxChars?: number): string {
  const label = heap.classes.label[classIndex]!;
  const extra = label - heap.strings.count;
  if (extra < 0) return textOf(heap.strings, label, maxChars);
  const name = heap.classes.extraNames[extra]!;
  return maxChars === undefined ? name : cutAt(name, maxChars);
}

interface Labels {
  /** Label of a text: its string when it is one of `FIXED` and in the file, else a number from strings.count on. */
  intern(text: string): number;
  /** The same for a text that is in the file, which is taken for its label where none has been given yet. */
  internString(text: string, string: number): number;
  readonly extra: string[];
}

/** Texts that classes get by rule, and that real classes may be called as well: they must be one. */
const FIXED = ['(system)', '(compiled code)', 'Function', 'RegExp'];

function createLabels(raw: RawHeap, inFile: KnownStrings): Labels {
  const texts = [...FIXED, ...raw.header.nodeKinds.map((kind) => `(${kind})`)];
  const known = new Map<string, number>();
  for (const text of texts) if (inFile.indexOf(text) >= 0) known.set(text, inFile.indexOf(text));
  const extra: string[] = [];
  return {
    extra,
    intern(text) {
      let label = known.get(text);
      if (label === undefined) {
        label = raw.strings.count + extra.length;
        extra.push(text);
        known.set(text, label);
      }
      return label;
    },
    internString(text, string) {
      const label = known.get(text);
      if (label === undefined) known.set(text, string);
      return label ?? string;
    },
  };
}

/** Beginnings of names that a rule may give to other objects as well: one class then. */
const BY_RULE_TOO = /^(?:<|\{|Detached )/;

function labelsFromColumn(
  raw: RawHeap,
  known: KnownStrings,
  column: Column,
  labels: Labels,
): (node: number) => number {
  const byKind = raw.header.nodeKinds.map((kind) => labels.intern(`(${kind})`));
  const empty = known.indexOf('');
  const limit = raw.strings.count;
  return (node) => {
    const index = column[node]!;
    return index < limit && index !== empty ? index : byKind[raw.nodeKind[node]!]!;
  };
}

async function labelsByRule(
  raw: RawHeap,
  kinds: KindNumbers,
  known: KnownStrings,
  labels: Labels,
  run: RunOptions | undefined,
): Promise<{ labelOf: (node: number) => number; interfaces: InterfaceNames; plainName: number }> {
  const { nodeKind, nodeName, detachedness, strings } = raw;
  const plainObject = known.indexOf('Object');
  const interfaces = await inferInterfaces(raw, kinds, plainObject, known.indexOf('__proto__'), run);
  const interfaceLabels = interfaces.names.map((name) => labels.intern(name));

  const byKind = raw.header.nodeKinds.map((kind) => labels.intern(`(${kind})`));
  if (kinds.hidden >= 0) byKind[kinds.hidden] = labels.intern('(system)');
  if (kinds.code >= 0) byKind[kinds.code] = labels.intern('(compiled code)');
  if (kinds.closure >= 0) byKind[kinds.closure] = labels.intern('Function');
  if (kinds.regexp >= 0) byKind[kinds.regexp] = labels.intern('RegExp');

  const tags = new Map<number, number>();
  const detachedTags = new Map<number, number>();
  const tagLabel = (name: number, detached: boolean): number => {
    const labelsOfTags = detached ? detachedTags : tags;
    let label = labelsOfTags.get(name);
    if (label === undefined) {
      const text = textOf(strings, name);
      const tag = withoutAttributes(detached ? `Detached ${text}` : text);
      if (tag !== text) label = labels.intern(tag);
      else label = BY_RULE_TOO.test(tag) ? labels.internString(tag, name) : name;
      labelsOfTags.set(name, label);
    }
    return label;
  };
  let plainAt = 0; // asked for in ascending order of nodes
  const labelOf = (node: number): number => {
    const kind = nodeKind[node]!;
    if (kind !== kinds.object && kind !== kinds.native) return byKind[kind]!;
    const name = nodeName[node]!;
    if (name === plainObject && kind === kinds.object) {
      while (plainAt < interfaces.nodes.length && interfaces.nodes[plainAt]! < node) plainAt++;
      const found = interfaces.nodes[plainAt] === node ? interfaces.interfaceOf[plainAt]! : NONE;
      return found === NONE ? name : interfaceLabels[found]!;
    }
    return tagLabel(name, kind === kinds.native && detachedness !== null && detachedness[node] === DETACHED);
  };
  return { labelOf, interfaces, plainName: plainObject };
}

/** Slots of the native loop's table of classes by label and position (native/classes.c). */
const SLOTS = 4096;
const slotOf = (label: number, row: number): number => (Math.imul(label, 0x9e3779b1) ^ Math.imul(row, 0x85ebca6b)) >>> 20;

interface NativeNaming {
  readonly loops: NativeLoops;
  readonly classOf: Uint32Array;
  /** The class of a node that the loop does not know yet; asked in ascending order. */
  readonly classAt: (node: number) => number;
  readonly rows: Uint32Array;
  readonly locations: LocationTable | null;
  readonly interfaces: InterfaceNames;
  readonly plainName: number;
}

/** The native loop names what it has seen before, and asks here for each new kind, name or position. */
async function nameNatively(raw: RawHeap, kinds: KindNumbers, naming: NativeNaming, run: RunOptions | undefined): Promise<void> {
  const { nodeCount, nodeKind, nodeName, detachedness, strings } = raw;
  const { loops, classOf, classAt, rows, interfaces, plainName } = naming;
  // Classes plus one, 0 where not known yet: what is never met takes no memory.
  const byKind = new Uint32Array(256);
  const byName = scratch(strings.count);
  const byDetached = scratch(detachedness ? strings.count : 0);
  const table = new Uint32Array(3 * SLOTS).fill(NONE);
  const locationNode = naming.locations?.node ?? new Uint32Array(0);
  const state = new Float64Array(2);
  const learn = (node: number): void => {
    const found = classAt(node);
    classOf[node] = found;
    const kind = nodeKind[node]!;
    const name = nodeName[node]!;
    if (kind === kinds.object) {
      const at = state[0]!;
      const plainAt = state[1]!;
      const row = locationNode[at] === node ? rows[at]! : NONE;
      const inner = name === plainName && interfaces.nodes[plainAt] === node ? interfaces.interfaceOf[plainAt]! : NONE;
      const label = inner === NONE ? name : strings.count + inner;
      if (row === NONE && label === name) byName[name] = found + 1;
      else table.set([label, row, found], 3 * slotOf(label, row));
    } else if (kind === kinds.native) {
      (detachedness?.[node] === DETACHED ? byDetached : byName)[name] = found + 1;
    } else byKind[kind] = found + 1;
  };
  await inSlices(run, 'classes', nodeCount, 1 << 15, (from, to) => {
    for (let at = from; ; at++) {
      at = loops.nameClasses(nodeKind, nodeName, detachedness, byKind, byName, byDetached, table, locationNode, rows, interfaces.nodes, interfaces.interfaceOf, state, classOf, at, to, kinds.object, kinds.native, DETACHED, plainName, strings.count);
      if (at >= to) return;
      learn(at);
    }
  });
  for (const room of [byName, byDetached, rows]) release(room);
}

/** Positions that the native loop tells apart; more are left to the maps. */
const POSITION_SLOTS = 1 << 17;

/** By location: the first one of an object with that position; null when there are too many. */
async function firstRowsNatively(
  raw: RawHeap,
  kinds: KindNumbers,
  locations: LocationTable | null,
  loops: NativeLoops,
  run: RunOptions | undefined,
): Promise<Uint32Array | null> {
  if (!locations) return new Uint32Array(0);
  const { node, scriptId, line, column } = locations;
  const rows = scratch(node.length);
  const table = new Uint32Array(POSITION_SLOTS);
  const used = new Uint32Array(1);
  let full = false;
  await inSlices(run, 'classes', rows.length, 1 << 15, (from, to) => {
    full ||= loops.firstRows(scriptId, line, column, node, raw.nodeKind, rows, table, used, from, to, kinds.object) === 1;
  });
  return full ? null : rows;
}

function rowAt(locations: LocationTable | null, rows: Uint32Array): (node: number) => number {
  const nodes = locations?.node ?? new Uint32Array(0);
  let at = 0;
  return (node) => {
    while (at < nodes.length && nodes[at]! < node) at++;
    return nodes[at] === node ? rows[at]! : NONE;
  };
}

/** `<div id="a">` → `<div>`, also behind `Detached `. */
function withoutAttributes(name: string): string {
  const from = name.startsWith('<') ? 0 : name.startsWith('Detached <') ? 10 : -1;
  if (from < 0) return name;
  const space = name.indexOf(' ', from);
  return space < 0 ? name : `${name.slice(0, space)}>`;
}

/** Numbers classes by (label, location). */
function createClassIds(): { of(label: number, location: number): number; labels: number[]; locations: number[] } {
  const labels: number[] = [];
  const locations: number[] = [];
  const plain = new Map<number, number>();
  const located = new Map<number, Map<number, number>>();
  return {
    labels,
    locations,
    of(label, location) {
      let map = plain;
      if (location !== NONE) {
        const found = located.get(location);
        if (found) map = found;
        else located.set(location, (map = new Map()));
      }
      let index = map.get(label);
      if (index === undefined) {
        index = labels.length;
        labels.push(label);
        locations.push(location);
        map.set(label, index);
      }
      return index;
    },
  };
}

/** Row of the first location with the same position as that of a node; asked in ascending order of nodes. */
function createLocationIds(locations: LocationTable | null): (node: number) => number {
  if (!locations) return () => NONE;
  const { node: nodes, scriptId, line, column } = locations;
  const byScript = new Map<number, Map<number, number>>();
  let at = 0;
  return (node) => {
    while (at < nodes.length && nodes[at]! < node) at++;
    if (at >= nodes.length || nodes[at] !== node) return NONE;
    let positions = byScript.get(scriptId[at]!);
    if (!positions) byScript.set(scriptId[at]!, (positions = new Map()));
    const key = line[at]! * 2 ** 24 + column[at]!; // exact below 2^53; beyond, neighbours in one line may fall together
    let row = positions.get(key);
    if (row === undefined) positions.set(key, (row = at));
    return row;
  };
}
