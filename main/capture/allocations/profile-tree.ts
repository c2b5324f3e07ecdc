/** Profiles of the DevTools protocol as the tree the views draw. What comes from a target or a file is checked here. */
import type { ProfileTree } from '#shared/model/allocations.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { asRecord, countField, numberField, stringField } from '../../cdp/read-field.ts';

/** Nodes of a profile we read at all, and those we hand to a page: what is below goes to the caller. */
const MAX_NODES = 2_000_000;
const MAX_SENT_NODES = 8_000;
const MAX_NAME_CHARS = 300;
const MAX_URL_CHARS = 1_000;

/** A tree under construction: values of the nodes themselves. */
interface Nodes {
  parent: number[];
  name: string[];
  url: string[];
  line: number[];
  self: number[];
  samples: number[];
}

const emptyNodes = (): Nodes => ({ parent: [], name: [], url: [], line: [], self: [], samples: [] });

function add(nodes: Nodes, parent: number, callFrame: unknown): number {
  if (nodes.parent.length >= MAX_NODES) throw new HeaphouseError('bad-file', 'The profile has more calls than can be shown.');
  const line = numberField(callFrame, 'lineNumber') ?? -1;
  nodes.parent.push(parent);
  nodes.name.push(stringField(callFrame, 'functionName', MAX_NAME_CHARS) || '(anonymous)');
  nodes.url.push(stringField(callFrame, 'url', MAX_URL_CHARS) ?? '');
  nodes.line.push(line >= 0 && line < 2 ** 31 ? Math.floor(line) + 1 : 0);
  nodes.self.push(0);
  nodes.samples.push(0);
  return nodes.parent.length - 1;
}

export interface HeapProfileTree {
  nodes: Nodes;
  samples: number;
  lastOrdinal: number;
}

/**
 * `profile`: `SamplingHeapProfile`. `sinceOrdinal`: only samples after it (the target's own counting); null: everything
 * that is alive. Errors: `bad-file`.
 */
export function readHeapProfile(profile: unknown, sinceOrdinal: number | null): HeapProfileTree {
  const head = asRecord(profile)['head'];
  if (typeof head !== 'object' || head === null) throw new HeaphouseError('bad-file', 'This is no sampling heap profile: it has no head.');
  const nodes = emptyNodes();
  const byId = new Map<number, number>();
  const stack: { node: unknown; parent: number }[] = [{ node: head, parent: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const at = add(nodes, nodes.parent.length === 0 ? 0 : next.parent, asRecord(next.node)['callFrame']);
    const id = countField(next.node, 'id');
    if (id !== null) byId.set(id, at);
    if (sinceOrdinal === null) nodes.self[at] = countField(next.node, 'selfSize') ?? 0;
    const children = asRecord(next.node)['children'];
    if (Array.isArray(children)) for (let i = children.length - 1; i >= 0; i--) stack.push({ node: children[i], parent: at });
  }
  const list = asRecord(profile)['samples'];
  let samples = 0;
  let lastOrdinal = 0;
  for (const sample of Array.isArray(list) ? list : []) {
    const at = byId.get(countField(sample, 'nodeId') ?? -1);
    const ordinal = countField(sample, 'ordinal') ?? 0;
    if (ordinal > lastOrdinal) lastOrdinal = ordinal;
    if (at === undefined || (sinceOrdinal !== null && ordinal <= sinceOrdinal)) continue;
    samples++;
    nodes.samples[at]!++;
    if (sinceOrdinal !== null) nodes.self[at]! += countField(sample, 'size') ?? 0;
  }
  return { nodes, samples, lastOrdinal };
}

/** `profile`: `Profile` of the Profiler domain. Self values are microseconds. Errors: `bad-file`. */
export function readCpuProfile(profile: unknown): HeapProfileTree {
  const record = asRecord(profile);
  const list = record['nodes'];
  if (!Array.isArray(list) || list.length === 0) throw new HeaphouseError('bad-file', 'This is no CPU profile: it has no nodes.');
  const byId = new Map<number, unknown>();
  const isChild = new Set<number>();
  const childrenOf = (node: unknown): number[] => {
    const found = asRecord(node)['children'];
    return Array.isArray(found) ? found.filter((id): id is number => Number.isSafeInteger(id)) : [];
  };
  for (const node of list) {
    const id = countField(node, 'id');
    if (id !== null) byId.set(id, node);
    for (const child of childrenOf(node)) isChild.add(child);
  }
  const rootId = [...byId.keys()].find((id) => !isChild.has(id));
  if (rootId === undefined) throw new HeaphouseError('bad-file', 'The calls of this CPU profile lead in a circle.');
  const nodes = emptyNodes();
  const place = new Map<number, number>();
  const stack: { id: number; parent: number }[] = [{ id: rootId, parent: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const node = byId.get(next.id);
    if (node === undefined || place.has(next.id)) continue;
    const at = add(nodes, next.parent, asRecord(node)['callFrame']);
    place.set(next.id, at);
    for (const child of childrenOf(node).reverse()) stack.push({ id: child, parent: at });
  }
  const samples = record['samples'];
  const deltas = record['timeDeltas'];
  let taken = 0;
  for (let i = 0; Array.isArray(samples) && i < samples.length; i++) {
    const at = place.get(samples[i] as number);
    const delta: unknown = Array.isArray(deltas) ? deltas[i] : 0;
    if (at === undefined) continue;
    taken++;
    nodes.samples[at]!++;
    // A clock that went back is no negative time.
    if (typeof delta === 'number' && delta > 0 && Number.isFinite(delta)) nodes.self[at]! += delta;
  }
  return { nodes, samples: taken, lastOrdinal: 0 };
}

/** The tree with totals, equal callees of one caller put together, and small calls put to their callers. */
export function toTree({ parent, name, url, line, self, samples }: Nodes): { tree: ProfileTree; cutNodes: number } {
  const count = parent.length;
  // Equal frames below one caller are one: V8 counts functions apart that were compiled twice.
  const merged = new Int32Array(count);
  const seen = new Map<string, number>();
  const kept: number[] = [];
  for (let at = 0; at < count; at++) {
    const key = at === 0 ? '' : `${merged[parent[at]!]}\n${line[at]}\n${name[at]}\n${url[at]}`;
    let to = seen.get(key);
    if (to === undefined) {
      to = kept.length;
      seen.set(key, to);
      kept.push(at);
    }
    merged[at] = to;
  }
  const selfOf = new Float64Array(kept.length);
  const samplesOf = new Float64Array(kept.length);
  for (let at = 0; at < count; at++) {
    selfOf[merged[at]!]! += self[at]!;
    samplesOf[merged[at]!]! += samples[at]!;
  }
  const parentOf = kept.map((at) => merged[parent[at]!]!);
  const totalOf = Float64Array.from(selfOf);
  for (let at = kept.length - 1; at > 0; at--) totalOf[parentOf[at]!]! += totalOf[at]!;
  const isWanted = largest(totalOf, MAX_SENT_NODES);
  const tree: ProfileTree = { frames: [], parent: [], frame: [], self: [], total: [], samples: [] };
  const frames = new Map<string, number>();
  const sent = new Int32Array(kept.length).fill(-1);
  let cutNodes = 0;
  for (let at = 0; at < kept.length; at++) {
    const above = at === 0 ? 0 : sent[parentOf[at]!]!;
    if (at > 0 && totalOf[at] === 0) {
      sent[at] = above;
      continue;
    }
    if (at > 0 && !isWanted(totalOf[at]!)) {
      cutNodes++;
      sent[at] = above;
      tree.self[above]! += selfOf[at]!;
      tree.samples[above]! += samplesOf[at]!;
      continue;
    }
    const from = kept[at]!;
    const key = `${line[from]}\n${name[from]}\n${url[from]}`;
    let frame = frames.get(key);
    if (frame === undefined) {
      frame = tree.frames.length;
      frames.set(key, frame);
      tree.frames.push({ name: name[from]!, url: url[from]!, line: line[from]! });
    }
    sent[at] = tree.parent.length;
    tree.parent.push(above);
    tree.frame.push(frame);
    tree.self.push(selfOf[at]!);
    tree.total.push(Math.round(totalOf[at]!));
    tree.samples.push(samplesOf[at]!);
  }
  tree.self = tree.self.map(Math.round);
  return { tree, cutNodes };
}

/** Tells the `most` largest (about: equals at the edge are left out) from the rest; a parent is never smaller than its child. */
function largest(values: Float64Array, most: number): (value: number) => boolean {
  if (values.length <= most) return () => true;
  const edge = Float64Array.from(values).sort()[values.length - most]!;
  return (value) => value > edge;
}
