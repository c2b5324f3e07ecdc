import { bytes, uint32 } from './columns.ts';
import { createClaims, edgesBackward, giveUp, halvesMeet, publishEnd, readsInHalves } from './edge-halves.ts';
import type { EdgeHalf, EdgeHalves } from './edge-halves.ts';
import type { HeapHeader } from './header.ts';
import type { Helper } from './helper.ts';
import { peek } from './json-scan.ts';
import { abortable } from './run.ts';
import type { Pacer, RunOptions } from './run.ts';
import type { EdgeColumns } from './sections.ts';
import type { ByteSource } from './source.ts';

/**
 * Lets a helper thread read the front of the edges while this one reads nodes and strings, and reads their back then
 * (edge-halves.ts). The helper finds the edges by looking for the end of the nodes, without reading them; whether they
 * begin there is checked when this thread comes to that place.
 */
export interface EdgeReading {
  /** The edges have been passed over here: `finish` has them. */
  readonly active: boolean;
  /** They have been passed over at some time. */
  readonly used: boolean;
  /** At the nodes. */
  begin(source: ByteSource, header: HeapHeader): Promise<void>;
  /** At the edges: goes behind the section and says true when they are read by two threads. */
  passOver(source: ByteSource, pacer: Pacer): Promise<boolean>;
  /** Lets the helper go on where the edges were not what they seemed; does nothing where they were. */
  release(): void;
  /** Null when the edges are not plain. */
  finish(file: number, pacer: Pacer, run: RunOptions | undefined): Promise<EdgeColumns | null>;
}

/** Least bytes of an edge: three digits and three commas. */
const LEAST_EDGE_BYTES = 6;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export function createEdgeReading(path: string, helper: Helper, blockBytes: number): EdgeReading {
  let halves: EdgeHalves | null = null;
  let front: Promise<{ start: number; half: EdgeHalf } | null> | null = null;
  let edgeCount = 0;
  let end = 0;
  let active = false;
  let used = false;
  return {
    get active() {
      return active;
    },
    get used() {
      return used;
    },
    async begin(source, header) {
      if (source.plainFile === null || front || !readsInHalves(header)) return;
      edgeCount = header.edgeCount!;
      if (edgeCount * LEAST_EDGE_BYTES > source.fileBytes) return; // the scanner refuses such a header
      await peek(source);
      halves = {
        start: 0,
        blockBytes,
        header: { edgeKinds: header.edgeKinds, nodeFields: header.nodeFields },
        kind: bytes(edgeCount),
        name: uint32(edgeCount),
        to: uint32(edgeCount),
        claims: createClaims(source.fileBytes, blockBytes),
      };
      front = helper.call('edges', { path, nodes: source.base + source.pos, halves });
      front.catch(() => undefined); // awaited in finish
    },
    async passOver(source, pacer) {
      if (!halves || !front || (await peek(source)) !== OPEN) return false;
      const start = source.base + source.pos + 1;
      const found = await source.skipTo(CLOSE, () => (pacer.due() ? pacer.pause(source.consumed()) : undefined));
      end = source.base + source.pos;
      halves = { ...halves, start };
      const worth = publishEnd(halves, end);
      active = found && worth;
      used ||= active || !found;
      if (found && !worth) await source.seek(start - 1);
      else if (found) source.pos++;
      return active;
    },
    release() {
      if (halves && !active) giveUp(halves);
    },
    async finish(file, pacer, run) {
      if (!halves || !front) return null;
      const backward = edgesBackward(file, halves, end, edgeCount);
      while (backward.step()) if (pacer.due()) await pacer.pause(end);
      const back = backward.result();
      const first = await abortable(front, run?.signal);
      active = false;
      if (!first || !back || first.start !== halves.start || !halvesMeet(file, first.half, back)) return null;
      const { kind, name, to } = halves;
      return {
        count: edgeCount,
        kind,
        name,
        to,
        maxName: Math.max(first.half.maxName, back.maxName),
        maxTo: Math.max(first.half.maxTo, back.maxTo),
      };
    },
  };
}
