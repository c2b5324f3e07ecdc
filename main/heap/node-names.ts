import { MAX_ROW_TEXT } from '#shared/model/heap.ts';

import { DETACHED } from './detachedness.ts';
import { EDGE_KIND } from './heap.ts';
import type { Heap } from './heap.ts';
import { formatProperty } from './interfaces.ts';
import { cutAt, cutText, textOf } from './strings.ts';

/** Names as they are shown. Nothing here is sanitised: the view does that. */

/** Length of the made-up name of a plain object, as in DevTools. */
const OBJECT_NAME_CHARS = 100;
/** Properties looked at for such a name, and pieces for the text of a concatenated string. */
const MAX_PIECES = 1_000;

/** The name the file gives, without the rules below. */
export function rawNodeName(heap: Heap, node: number, maxChars: number = MAX_ROW_TEXT): string {
  return textOf(heap.strings, heap.nodeName[node]!, maxChars);
}

/**
 * Name of a node: text of concatenated strings put together, `{a, b, …}` for plain objects of V8, `Detached` before
 * DOM nodes that are.
 */
export function nodeName(heap: Heap, node: number, maxChars: number = MAX_ROW_TEXT): string {
  const kind = heap.nodeKind[node]!;
  const { kinds } = heap;
  if (kind === kinds.consString) return stringValue(heap, node, maxChars).text;
  const name = rawNodeName(heap, node, maxChars);
  if (heap.producer === 'cpython') return name;
  if (kind === kinds.object && name === 'Object') return cutAt(plainObjectName(heap, node), maxChars);
  if (kind === kinds.native && heap.detachedness?.[node] === DETACHED) return cutAt(`Detached ${name}`, maxChars);
  return name;
}

/** True for kinds whose name is their value. */
export function isString(heap: Heap, node: number): boolean {
  const kind = heap.nodeKind[node]!;
  return kind === heap.kinds.string || kind === heap.kinds.consString || kind === heap.kinds.slicedString;
}

/** The value of a string node. Concatenated strings are followed to their parts, in order, without recursion. */
export function stringValue(heap: Heap, node: number, maxChars: number): { text: string; cut: boolean } {
  const { kinds, nodeKind, firstEdge, edgeKind, edgeName, edgeTo } = heap;
  if (nodeKind[node] !== kinds.consString) return cutText(heap.strings, heap.nodeName[node]!, maxChars);
  const stack = [node];
  let text = '';
  for (let pieces = 0; stack.length > 0 && text.length <= maxChars; pieces++) {
    if (pieces >= MAX_PIECES) return { text: cutAt(`${text}…`, maxChars), cut: true };
    const piece = stack.pop()!;
    if (nodeKind[piece] !== kinds.consString) {
      text += textOf(heap.strings, heap.nodeName[piece]!, maxChars + 1);
      continue;
    }
    let first = -1;
    let second = -1;
    for (let edge = firstEdge[piece]!; edge < firstEdge[piece + 1]!; edge++) {
      if ((edgeKind[edge]! & EDGE_KIND) !== kinds.edgeInternal) continue;
      const name = textOf(heap.strings, edgeName[edge]!, 8);
      if (name === 'first') first = edgeTo[edge]!;
      else if (name === 'second') second = edgeTo[edge]!;
    }
    if (second >= 0) stack.push(second);
    if (first >= 0) stack.push(first);
  }
  return { text: cutAt(text, maxChars), cut: text.length > maxChars || stack.length > 0 };
}

/** `{first, second, …, last}`: names from both ends as long as there is room. */
function plainObjectName(heap: Heap, node: number): string {
  const names: string[] = [];
  const { firstEdge, edgeKind, edgeName, kinds } = heap;
  let more = false;
  for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
    if ((edgeKind[edge]! & EDGE_KIND) !== kinds.edgeProperty) continue;
    const name = textOf(heap.strings, edgeName[edge]!, OBJECT_NAME_CHARS * 2);
    if (name === '__proto__') continue;
    if (names.length === MAX_PIECES) {
      more = true;
      break;
    }
    names.push(formatProperty(name));
  }
  let start = '{';
  let end = '}';
  let low = 0;
  let high = names.length - 1;
  for (let fromEnd = false; low <= high; fromEnd = !fromEnd) {
    const name = names[fromEnd ? high : low]!;
    if (start.length > 1 && start.length + end.length + name.length > OBJECT_NAME_CHARS) break;
    if (fromEnd) {
      high--;
      end = end.length > 1 ? `${name}, ${end}` : name + end;
    } else {
      low++;
      start += start.length > 1 ? `, ${name}` : name;
    }
  }
  if (low <= high || more) start += ', …';
  return end.length > 1 ? `${start}, ${end}` : start + end;
}

/** True for edges that are named by a position instead of a string. */
export function isNumberedEdge(heap: Heap, edge: number): boolean {
  const kind = heap.edgeKind[edge]! & EDGE_KIND;
  return kind === heap.kinds.edgeElement || kind === heap.kinds.edgeHidden;
}

export function edgeName(heap: Heap, edge: number, maxChars: number = MAX_ROW_TEXT): string {
  if (isNumberedEdge(heap, edge)) return String(heap.edgeName[edge]!);
  return textOf(heap.strings, heap.edgeName[edge]!, maxChars);
}

export function edgeKindName(heap: Heap, edge: number): string {
  return heap.header.edgeKinds[heap.edgeKind[edge]! & EDGE_KIND]!;
}

/** Edges and nodes that are the runtime's own affair. */
export function isSystemEdge(heap: Heap, edge: number): boolean {
  const kind = heap.edgeKind[edge]! & EDGE_KIND;
  const { edgeInternal, edgeHidden, edgeInvisible } = heap.kinds;
  return kind === edgeInternal || kind === edgeHidden || kind === edgeInvisible;
}

export function isSystemNode(heap: Heap, node: number): boolean {
  const kind = heap.nodeKind[node]!;
  const { hidden, array, code, synthetic } = heap.kinds;
  if (kind === hidden || kind === synthetic) return true;
  return heap.producer !== 'cpython' && (kind === array || kind === code);
}
