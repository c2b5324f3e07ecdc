/**
 * Whether a `.heapsnapshot` that has just been written is whole: it begins with the header and its counts and ends with
 * the closing brackets of the strings. A full read is the engine's; this one costs two small reads.
 */
import type { FileHandle } from 'node:fs/promises';
import { HeaphouseError } from '#shared/rpc/errors.ts';

/** The header with `meta` has some 2 KiB in V8 and grows with declared fields. */
const HEAD_BYTES = 64 * 1024;
const TAIL_BYTES = 64;

export interface SnapshotCounts {
  nodes: number;
  edges: number;
}

/** Errors: `bad-file` with what is missing. */
export async function checkSnapshotFile(handle: FileHandle, bytes: number): Promise<SnapshotCounts> {
  const head = await readText(handle, 0, Math.min(bytes, HEAD_BYTES));
  const tail = await readText(handle, Math.max(0, bytes - TAIL_BYTES), Math.min(bytes, TAIL_BYTES));
  return checkSnapshotText(head, tail);
}

/** The same on text: the first bytes and the last bytes of the file. */
export function checkSnapshotText(head: string, tail: string): SnapshotCounts {
  if (!/^\s*\{\s*"snapshot"\s*:/.test(head)) throw incomplete('it does not begin with a snapshot header');
  const nodes = headerCount(head, 'node_count');
  const edges = headerCount(head, 'edge_count');
  if (!/"\s*\]\s*\}\s*$/.test(tail)) throw incomplete('its end is missing');
  return { nodes, edges };
}

function headerCount(head: string, name: string): number {
  const found = new RegExp(`"${name}"\\s*:\\s*(\\d{1,15})`).exec(head);
  if (!found) throw incomplete(`its header has no ${name}`);
  return Number(found[1]);
}

function incomplete(what: string): HeaphouseError {
  return new HeaphouseError('bad-file', `The target sent an incomplete snapshot: ${what}. Nothing was kept.`, {
    advice: 'Take the snapshot again. If it happens again, the target may be out of memory while it writes.',
  });
}

async function readText(handle: FileHandle, position: number, length: number): Promise<string> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.toString('latin1', 0, bytesRead);
}
