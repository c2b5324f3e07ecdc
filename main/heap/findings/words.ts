import { className } from '../class-names.ts';
import type { Heap } from '../heap.ts';
import { describeHolder } from '../holders.ts';
import { nodeName } from '../node-names.ts';
import type { RunOptions } from '../run.ts';

/** Figures and names as detectors write them into their sentences. */

export function amount(count: number): string {
  return count.toLocaleString('en-US');
}

export function bytes(count: number): string {
  if (count < 1024) return `${amount(count)} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  return count < 1024 ** 3 ? `${(count / 1024 ** 2).toFixed(1)} MiB` : `${(count / 1024 ** 3).toFixed(2)} GiB`;
}

export function percent(part: number, whole: number): string {
  return whole <= 0 ? '0 %' : `${((part / whole) * 100).toFixed(part / whole < 0.1 ? 1 : 0)} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}

/** Class of an object, with its name where that is more than the class. */
export function named(heap: Heap, node: number): string {
  const type = className(heap, heap.classOf[node]!, 120);
  const name = nodeName(heap, node, 80);
  const isPlain = name === type || name === '' || name.startsWith('{') || heap.nodeKind[node] === heap.kinds.string;
  return isPlain ? type : /^(module|class) /.test(name) ? name : `${type} ${name}`;
}

/** `_cache (dict)`: an object by the name it is held by, where the program gave it one; else as `named`. */
export async function placed(heap: Heap, node: number, run: RunOptions): Promise<string> {
  const { steps } = await describeHolder(heap, node, run);
  const edge = steps.at(-1)?.edge ?? '';
  return edge === '' || /^[[(]/.test(edge) ? named(heap, node) : `${edge} (${className(heap, heap.classOf[node]!, 80)})`;
}
