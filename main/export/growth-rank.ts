/**
 * Which class a report should speak of first. Bytes alone would name `dict` or `(array)`, which every leak drags along;
 * counts alone would name the smallest helper. See docs/formats.md, "Order of classes".
 */
import type { ComparisonRow } from '#shared/model/heap.ts';

/** Built-in containers and runtime parts: they grow with whatever the program keeps, and say little about it. */
const GENERIC_V8 = new Set([
  'Object', 'Array', 'Function', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Promise', 'ArrayBuffer', 'SharedArrayBuffer',
  'Buffer', 'FastBuffer', 'DataView', 'Uint8Array', 'Uint8ClampedArray', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array',
  'Int32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'Generator', 'Date', 'String', 'Number',
]);
const GENERIC_PYTHON = new Set([
  'dict', 'list', 'tuple', 'set', 'frozenset', 'str', 'bytes', 'bytearray', 'int', 'float', 'complex', 'bool', 'object', 'type',
  'function', 'builtin_function_or_method', 'method', 'cell', 'code', 'frame', 'module', 'generator', 'coroutine', 'property',
  'weakref', 'ReferenceType', 'getset_descriptor', 'member_descriptor', 'wrapper_descriptor', 'method_descriptor', 'memoryview',
  'mappingproxy', 'NoneType', 'slice', 'range', 'traceback',
]);

export function isGenericClass(name: string): boolean {
  return (
    /^\(.*\)$/.test(name) ||
    name.startsWith('system / ') ||
    GENERIC_V8.has(name) ||
    GENERIC_PYTHON.has(name.replace(/^(builtins|collections|weakref|types)\./, ''))
  );
}

/** What a built-in class counts against one of the program. */
const GENERIC_WEIGHT = 0.4;

/**
 * Growth as one number: retained bytes gained times the logarithm of objects gained, so that ten thousand sessions stand
 * before the one cache object that retains them. Zero for classes that have no more objects than before.
 */
export function growthScore(row: Pick<ComparisonRow, 'name' | 'delta'>): number {
  const { objects, retainedBytes, shallowBytes } = row.delta;
  if (objects <= 0) return 0;
  const bytes = Math.max(retainedBytes, shallowBytes, 1);
  return bytes * Math.log2(1 + objects) * (isGenericClass(row.name) ? GENERIC_WEIGHT : 1);
}

/** Order of classes in every export: growth, then retained bytes gained, then name. */
export function compareByGrowth(a: ComparisonRow, b: ComparisonRow): number {
  return (
    growthScore(b) - growthScore(a) ||
    b.delta.retainedBytes - a.delta.retainedBytes ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : a.classIndex - b.classIndex)
  );
}
