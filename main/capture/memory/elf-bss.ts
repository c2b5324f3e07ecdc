/** How much uninitialised data a program file or library asks for, from its program headers (elf(5)), 64-bit only. */
import { closeSync, openSync, readSync } from 'node:fs';

const PT_LOAD = 1;
const PF_W = 2;
const HEADER_BYTES = 4_096;
const PAGE_BYTES = 4_096;

/** Bytes of anonymous memory behind the writable segment, whole pages; null for any other file. */
export function parseBssBytes(file: Buffer): number | null {
  // 0x7f 'E' 'L' 'F', 64 bits, little-endian
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return null;
  const offset = Number(file.readBigUInt64LE(32));
  const entryBytes = file.readUInt16LE(54);
  const entries = file.readUInt16LE(56);
  let bytes: number | null = null;
  for (let i = 0; i < entries; i++) {
    const at = offset + i * entryBytes;
    if (entryBytes < 56 || at + 56 > file.length) break;
    if (file.readUInt32LE(at) !== PT_LOAD || (file.readUInt32LE(at + 4) & PF_W) === 0) continue;
    const address = Number(file.readBigUInt64LE(at + 16));
    const fileBytes = Number(file.readBigUInt64LE(at + 32));
    const memoryBytes = Number(file.readBigUInt64LE(at + 40));
    bytes = pages(address + memoryBytes) - pages(address + fileBytes);
  }
  return bytes;
}

function pages(end: number): number {
  return Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
}

const known = new Map<string, number | null>();
const MAX_KNOWN = 10_000;

/** The same of a file that a process has mapped; null when it cannot be read. */
export function bssBytesOf(pid: number, path: string, inode: string): number | null {
  const key = `${inode} ${path}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const bytes = read(pid, path);
  if (known.size < MAX_KNOWN) known.set(key, bytes);
  return bytes;
}

function read(pid: number, path: string): number | null {
  let descriptor: number | null = null;
  try {
    // As the process sees it: it may live in a container.
    descriptor = openSync(`/proc/${pid}/root${path}`, 'r');
    const buffer = Buffer.alloc(HEADER_BYTES);
    return parseBssBytes(buffer.subarray(0, readSync(descriptor, buffer, 0, HEADER_BYTES, 0)));
  } catch {
    return null;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}
