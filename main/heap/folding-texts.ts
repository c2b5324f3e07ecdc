import { className } from './class-names.ts';
import type { Heap } from './heap.ts';
import { textOf } from './strings.ts';

/**
 * The words of folded paths as numbers, each text made once: folding a million objects must not make a million
 * strings. What the rules want to know about a string of the file is kept as a byte of traits.
 */
export interface Texts {
  /** Number of a text. */
  number(text: string): number;
  /** Number of a string of the file. */
  ofString(index: number): number;
  text(number: number): string;
  /** TRAIT_… of a string of the file. */
  traits(index: number): number;
  /** What a node is called in a path: modules, classes and functions by name, everything else by class. */
  labelOf(node: number): number;
  /** Modules and classes of Python are called by their names wherever they are met. */
  isScope(label: number): boolean;
  /** Whether the name of a class says that it is some kind of dict. */
  isDictClass(classIndex: number): boolean;
}

export const TRAIT_SYSTEM = 1; // V8's own: `system / …`
export const TRAIT_GROUP = 2; // `(…`
export const TRAIT_KEY = 4; // `[…]`
export const TRAIT_DIGIT = 8; // begins with a digit
export const TRAIT_OBJECT = 16; // `Object`
export const TRAIT_DICT = 32; // `__dict__`
const TRAIT_SCOPE = 64; // `module …`, `class …`
const TRAITS_KNOWN = 128;

/** Text of one step. */
const STEP_CHARS = 120;

export function createTexts(heap: Heap): Texts {
  const { strings, kinds, nodeKind, nodeName, classOf } = heap;
  const python = heap.producer === 'cpython';
  const list: string[] = [];
  const numbers = new Map<string, number>();
  const number = (text: string): number => {
    let found = numbers.get(text);
    if (found === undefined) {
      found = list.push(text) - 1;
      numbers.set(text, found);
    }
    return found;
  };
  const known = new Uint8Array(strings.count);
  const traits = (index: number): number => {
    let found = known[index]!;
    if (found === 0) {
      found = TRAITS_KNOWN | traitsOf(textOf(strings, index, STEP_CHARS));
      known[index] = found;
    }
    return found;
  };
  const byString = new Map<number, number>();
  const ofString = (index: number): number => {
    let found = byString.get(index);
    if (found === undefined) byString.set(index, (found = number(textOf(strings, index, STEP_CHARS))));
    return found;
  };
  const closures = new Map<number, number>();
  const ofClosure = (index: number): number => {
    let found = closures.get(index);
    if (found === undefined) {
      const name = textOf(strings, index, STEP_CHARS);
      closures.set(index, (found = number(`${name === '' ? 'anonymous' : name}()`)));
    }
    return found;
  };
  const ofClass = new Int32Array(heap.classes.count).fill(-1);
  const dictClass = new Int8Array(heap.classes.count).fill(-1);
  return {
    number,
    ofString,
    traits,
    text: (index) => list[index]!,
    labelOf(node) {
      const kind = nodeKind[node]!;
      const name = nodeName[node]!;
      if (kind === kinds.closure) return ofClosure(name);
      if (kind === kinds.synthetic || kind === kinds.code) return ofString(name);
      if (python && (traits(name) & TRAIT_SCOPE) !== 0) return ofString(name);
      const classIndex = classOf[node]!;
      if (ofClass[classIndex] === -1) ofClass[classIndex] = number(className(heap, classIndex, STEP_CHARS));
      return ofClass[classIndex]!;
    },
    isScope: (label) => python && isScopeText(list[label]!),
    isDictClass(classIndex) {
      if (dictClass[classIndex] === -1) {
        dictClass[classIndex] = /(^|\.)\w*[dD]ict\w*$/.test(className(heap, classIndex)) ? 1 : 0;
      }
      return dictClass[classIndex] === 1;
    },
  };
}

function isScopeText(text: string): boolean {
  return text.startsWith('module ') || text.startsWith('class ');
}

function traitsOf(text: string): number {
  let traits = 0;
  if (text.startsWith('system / ')) traits |= TRAIT_SYSTEM;
  if (text.startsWith('(')) traits |= TRAIT_GROUP;
  if (text.startsWith('[') && text.endsWith(']')) traits |= TRAIT_KEY;
  if (/^\d/.test(text)) traits |= TRAIT_DIGIT;
  if (text === 'Object') traits |= TRAIT_OBJECT;
  if (text === '__dict__') traits |= TRAIT_DICT;
  if (isScopeText(text)) traits |= TRAIT_SCOPE;
  return traits;
}
