import { EDGE_KIND, NONE } from './heap.ts';
import type { KindNumbers } from './heap.ts';
import type { RawHeap } from './raw-heap.ts';
import { native } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { textOf } from './strings.ts';

/**
 * Groups plain objects (`{ a, b }` in the program, all of class `Object` in the file) by the properties they share,
 * as Chrome DevTools does: every sequence of property names is a candidate; those shared by at least two objects and
 * one in a thousand plain objects become interfaces; an object belongs to the one with most properties that has all
 * of them, the more frequent one at a tie.
 *
 * The work is done once per distinct sequence of properties, not per object.
 */
export interface InterfaceNames {
  readonly names: readonly string[];
  /** Memory of these two may be released when it is not needed any more. Plain objects in file order, and the interface of each: index in `names`, NONE when it stays `Object`. */
  readonly nodes: Uint32Array;
  readonly interfaceOf: Uint32Array;
}

/** The name stops before it gets longer than this (DevTools' limit), but has one property at least. */
const MAX_NAME_CHARS = 120;
const MIN_OBJECTS = 2;
const ONE_IN = 1000;

/** Distinct sequences that are remembered; objects used as dictionaries have one each. */
const MAX_SEQUENCES = 1 << 20;
/** Properties of one object that are looked at, so that a dictionary of millions costs no more than others. */
const MAX_PROPERTIES = 4096;

const noInterfaces = (): InterfaceNames => ({ names: [], nodes: new Uint32Array(0), interfaceOf: new Uint32Array(0) });

export async function inferInterfaces(
  raw: RawHeap,
  kinds: KindNumbers,
  plainObjectName: number,
  protoName: number,
  run?: RunOptions,
): Promise<InterfaceNames> {
  const { nodeCount, nodeKind, nodeName, firstEdge, edgeKind, edgeName, strings } = raw;
  if (plainObjectName < 0 || kinds.object < 0 || kinds.edgeProperty < 0) return noInterfaces();
  const property = kinds.edgeProperty;
  const isPlain = (node: number): boolean => nodeKind[node] === kinds.object && nodeName[node] === plainObjectName;

  // Sequences as paths in a trie over string indexes; a trie node stands for a sequence.
  const trie = createTrie();
  const sequenceOf = (node: number): number => {
    let at = 0;
    let seen = 0;
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
      if ((edgeKind[edge]! & EDGE_KIND) !== property || edgeName[edge] === protoName) continue;
      if (++seen > MAX_PROPERTIES) break;
      at = trie.step(at, edgeName[edge]!);
      if (at === NONE) return NONE;
    }
    return at;
  };

  const texts = new Map<number, string>();
  const formatted = (name: number): string => {
    let text = texts.get(name);
    if (text === undefined) {
      text = formatProperty(textOf(strings, name));
      texts.set(name, text);
    }
    return text;
  };

  let plainCount = 0;
  await inSlices(run, 'classes', nodeCount, 1 << 17, (from, to) => {
    for (let node = from; node < to; node++) if (isPlain(node)) plainCount++;
  });
  const plain = new Uint32Array(plainCount);
  let filled = 0;
  await inSlices(run, 'classes', nodeCount, 1 << 17, (from, to) => {
    for (let node = from; node < to; node++) if (isPlain(node)) plain[filled++] = node;
  });
  const sequenceOfPlain = new Uint32Array(plainCount);
  const loops = native();
  await inSlices(run, 'classes', plainCount, loops ? 1 << 15 : 1 << 12, (from, to) => {
    if (loops) {
      trie.each((table, parents, names, state, at) =>
        loops.sequences(firstEdge, edgeKind, edgeName, plain, sequenceOfPlain, table, parents, names, state, at, to, property, protoName, MAX_PROPERTIES, MAX_SEQUENCES), from, to);
      return;
    }
    for (let i = from; i < to; i++) sequenceOfPlain[i] = sequenceOf(plain[i]!);
  });
  const objectsOfSequence = new Uint32Array(trie.size());
  for (const sequence of sequenceOfPlain) if (sequence !== NONE) objectsOfSequence[sequence]!++;

  // Candidates in the order of their first object: ties keep it.
  interface Candidate {
    readonly name: string;
    readonly properties: readonly number[];
    objects: number;
  }
  const candidates = new Map<string, Candidate>();
  const counted = new Uint8Array(trie.size());
  for (const sequence of sequenceOfPlain) {
    if (sequence === NONE || sequence === 0 || counted[sequence] === 1) continue;
    counted[sequence] = 1;
    const candidate = candidateOf(trie.path(sequence), formatted);
    const known = candidates.get(candidate.name);
    if (known) known.objects += objectsOfSequence[sequence]!;
    else candidates.set(candidate.name, { ...candidate, objects: objectsOfSequence[sequence]! });
  }
  const least = Math.max(MIN_OBJECTS, plainCount / ONE_IN);
  const interfaces = [...candidates.values()]
    .sort((a, b) => b.objects - a.objects)
    .filter((candidate) => candidate.objects >= least);
  if (interfaces.length === 0) return noInterfaces();

  const match = matcher(interfaces.map(({ properties }) => properties));
  const interfaceOfSequence = new Uint32Array(trie.size()).fill(NONE);
  const matched = new Uint8Array(trie.size());
  await inSlices(run, 'classes', plainCount, 1 << 12, (from, to) => {
    for (let i = from; i < to; i++) {
      const sequence = sequenceOfPlain[i]!;
      let found: number;
      if (sequence === NONE) found = match(propertiesOf(plain[i]!));
      else {
        if (matched[sequence] === 0) {
          matched[sequence] = 1;
          interfaceOfSequence[sequence] = match(trie.path(sequence));
        }
        found = interfaceOfSequence[sequence]!;
      }
      sequenceOfPlain[i] = found;
    }
  });

  function propertiesOf(node: number): number[] {
    const names: number[] = [];
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]! && names.length < MAX_PROPERTIES; edge++) {
      if ((edgeKind[edge]! & EDGE_KIND) === property && edgeName[edge] !== protoName) names.push(edgeName[edge]!);
    }
    return names;
  }

  return { names: interfaces.map(({ name }) => name), nodes: plain, interfaceOf: sequenceOfPlain };
}

function candidateOf(
  sequence: readonly number[],
  formatted: (name: number) => string,
): { name: string; properties: number[] } {
  let name = '{';
  const properties: number[] = [];
  for (const property of sequence) {
    const text = formatted(property);
    if (name.length > 1 && name.length + text.length > MAX_NAME_CHARS) break;
    if (name.length > 1) name += ', ';
    name += text;
    properties.push(property);
  }
  return { name: `${name}}`, properties };
}

/** Names that hold braces, commas or quotes are quoted. */
export function formatProperty(name: string): string {
  return /[,'"{}]/.test(name) ? JSON.stringify(name) : name;
}

/** Finds the interface with most properties that are all in the sequence; the earlier one at a tie. */
function matcher(interfaces: readonly (readonly number[])[]): (sequence: readonly number[]) => number {
  const sizes = interfaces.map((properties) => new Set(properties).size);
  const byProperty = new Map<number, number[]>();
  interfaces.forEach((properties, index) => {
    for (const property of new Set(properties)) {
      const list = byProperty.get(property);
      if (list) list.push(index);
      else byProperty.set(property, [index]);
    }
  });
  const hits = new Uint32Array(interfaces.length);
  return (sequence) => {
    let best = NONE;
    const touched: number[] = [];
    for (const property of new Set(sequence)) {
      for (const index of byProperty.get(property) ?? []) {
        if (hits[index]!++ === 0) touched.push(index);
        if (hits[index] !== sizes[index]) continue;
        if (best === NONE || sizes[index]! > sizes[best]! || (sizes[index] === sizes[best] && index < best)) best = index;
      }
    }
    for (const index of touched) hits[index] = 0;
    return best;
  };
}

interface Trie {
  /** The node behind `at` over `name`; made when missing; NONE when the trie is full. */
  step(at: number, name: number): number;
  path(at: number): number[];
  size(): number;
  /** A native loop over from … to that steps by itself and stops where the trie must grow. */
  each(
    loop: (table: Uint32Array, parents: Uint32Array, names: Uint32Array, state: Uint32Array, at: number) => number,
    from: number,
    to: number,
  ): void;
}

/** A trie in open addressing: key (parent, name), linear probing, at most half full. */
function createTrie(): Trie {
  let capacity = 1 << 12;
  let table = new Uint32Array(capacity); // node + 1
  let parents = new Uint32Array(capacity / 2);
  let names = new Uint32Array(capacity / 2);
  let size = 1; // node 0 is the empty sequence
  const slotOf = (parent: number, name: number): number => {
    const hash = Math.imul(parent ^ Math.imul(name, 0x9e3779b1), 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & (capacity - 1);
  };
  const grow = (): void => {
    capacity *= 2;
    table = new Uint32Array(capacity);
    const grownParents = new Uint32Array(capacity / 2);
    const grownNames = new Uint32Array(capacity / 2);
    grownParents.set(parents);
    grownNames.set(names);
    parents = grownParents;
    names = grownNames;
    for (let node = 1; node < size; node++) {
      let slot = slotOf(parents[node]!, names[node]!);
      while (table[slot] !== 0) slot = (slot + 1) & (capacity - 1);
      table[slot] = node + 1;
    }
  };
  return {
    step(at, name) {
      let slot = slotOf(at, name);
      for (let entry = table[slot]!; entry !== 0; entry = table[slot]!) {
        const node = entry - 1;
        if (parents[node] === at && names[node] === name) return node;
        slot = (slot + 1) & (capacity - 1);
      }
      if (size >= MAX_SEQUENCES) return NONE;
      if (size + 1 >= capacity / 2) {
        grow();
        slot = slotOf(at, name);
        while (table[slot] !== 0) slot = (slot + 1) & (capacity - 1);
      }
      const node = size++;
      parents[node] = at;
      names[node] = name;
      table[slot] = node + 1;
      return node;
    },
    path(at) {
      const path: number[] = [];
      for (let node = at; node !== 0; node = parents[node]!) path.push(names[node]!);
      return path.reverse();
    },
    size: () => size,
    each(loop, from, to) {
      const state = new Uint32Array(1);
      for (let at = from; at < to; ) {
        state[0] = size;
        at = loop(table, parents, names, state, at);
        size = state[0];
        if (at < to) grow();
      }
    },
  };
}
