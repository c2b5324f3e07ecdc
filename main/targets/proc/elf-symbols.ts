/**
 * Addresses of exported functions in a running process, from the files it has mapped. So a debugger need not read
 * symbols while the process stands still.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

export interface Mapping {
  start: bigint;
  /** Offset in the file of the first byte mapped. */
  offset: bigint;
  inode: string;
  path: string;
}

/** Lines of /proc/PID/maps that map a file. */
export function parseFileMappings(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]+)-[0-9a-f]+ \S{4} ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+)\s+(\/.*)$/.exec(line);
    if (!match) continue;
    const [, start = '0', offset = '0', inode = '', path = ''] = match;
    mappings.push({ start: BigInt(`0x${start}`), offset: BigInt(`0x${offset}`), inode, path });
  }
  return mappings;
}

/** More sections or symbols than any real library has: the file is damaged or not meant for us. */
const MAX_SECTIONS = 4_096;
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
const PAGE = 4096n;

interface Section {
  /** Where its name begins in the table of section names. */
  nameAt: number;
  type: number;
  address: bigint;
  offset: number;
  size: number;
  link: number;
  entrySize: number;
}

/**
 * Virtual addresses of those of `names` that a 64-bit little-endian ELF file exports, plus what is needed to place them.
 * `debug`: those that only debuggers know as well.
 * Null for any other file, or one that cannot be read.
 */
export async function readExports(path: string, names: ReadonlySet<string>, table: 'exported' | 'debug' = 'exported'): Promise<{ symbols: Map<string, bigint>; segments: { offset: bigint; address: bigint }[]; inode: string } | null> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { ino } = await file.stat({ bigint: true });
    const header = await readAt(file, 0, 64);
    // 0x7f 'E' 'L' 'F', class 2 (64 bits), data 1 (little-endian)
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return null;
    const segments = await readSegments(file, header);
    const sections = await readSections(file, header);
    const symbols = new Map<string, bigint>();
    // SHT_DYNSYM: what others may link to; SHT_SYMTAB: all names, which stripping takes away.
    for (const section of sections.filter(({ type }) => type === (table === 'exported' ? 11 : 2))) {
      const strings = sections[section.link];
      if (!strings) continue;
      collect(await readTable(file, section), await readTable(file, strings), names, symbols);
    }
    return { symbols, segments, inode: String(ino) };
  } catch {
    return null;
  } finally {
    await file?.close().catch(() => undefined);
  }
}

/**
 * Where `names` are in the memory of a process; a name that is missing in the result is not exported by the file. Null
 * when the file on disk is not the one that is mapped (it was upgraded meanwhile) or cannot be read.
 */
export async function locate(mappings: readonly Mapping[], mapped: string, file: string, names: ReadonlySet<string>): Promise<Map<string, bigint> | null> {
  const exports = await readExports(file, names);
  const bias = exports && biasOf(mappings, mapped, exports);
  return exports === null || bias === null ? null : new Map([...exports.symbols].map(([name, value]) => [name, value + bias]));
}

/** What has to be added to the addresses in a file to get those in memory; null when another file is mapped. */
function biasOf(mappings: readonly Mapping[], mapped: string, file: { segments: { offset: bigint; address: bigint }[]; inode: string }): bigint | null {
  const own = mappings.filter((mapping) => mapping.path === mapped);
  const first = own[0];
  if (!first || file.inode !== first.inode) return null;
  for (const { offset, address } of file.segments) {
    const mapping = own.find((each) => each.offset === offset - (offset % PAGE));
    if (mapping) return mapping.start - (address - (address % PAGE));
  }
  return null;
}

/** Where the section `name` of a 64-bit little-endian ELF file is in memory; null as for `locate`, or without such a section. */
export async function locateSection(mappings: readonly Mapping[], mapped: string, path: string, name: string): Promise<bigint | null> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { ino } = await file.stat({ bigint: true });
    const header = await readAt(file, 0, 64);
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return null;
    const sections = await readSections(file, header);
    const names = sections[header.readUInt16LE(62)];
    if (!names) return null;
    const text = await readTable(file, names);
    const section = sections.find(({ nameAt }) => nameAt < text.length && text.toString('latin1', nameAt, nameAt + name.length + 1) === `${name}\0`);
    const bias = biasOf(mappings, mapped, { segments: await readSegments(file, header), inode: String(ino) });
    return section === undefined || bias === null || section.address === 0n ? null : section.address + bias;
  } catch {
    return null;
  } finally {
    await file?.close().catch(() => undefined);
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new Error('file too short');
  return buffer;
}

async function readTable(file: FileHandle, { offset, size }: Section): Promise<Buffer> {
  if (size > MAX_TABLE_BYTES) throw new Error('table too large');
  return readAt(file, offset, size);
}

/** PT_LOAD segments. */
async function readSegments(file: FileHandle, header: Buffer): Promise<{ offset: bigint; address: bigint }[]> {
  const start = Number(header.readBigUInt64LE(32));
  const entrySize = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  if (entrySize < 56) throw new Error('no program headers');
  const table = await readAt(file, start, entrySize * count);
  const segments = [];
  for (let i = 0; i < count; i++) {
    const at = i * entrySize;
    if (table.readUInt32LE(at) === 1) segments.push({ offset: table.readBigUInt64LE(at + 8), address: table.readBigUInt64LE(at + 16) });
  }
  return segments;
}

async function readSections(file: FileHandle, header: Buffer): Promise<Section[]> {
  const start = Number(header.readBigUInt64LE(40));
  const entrySize = header.readUInt16LE(58);
  const count = header.readUInt16LE(60);
  if (entrySize < 64 || count > MAX_SECTIONS) throw new Error('no section headers');
  const table = await readAt(file, start, entrySize * count);
  return Array.from({ length: count }, (_, i) => {
    const at = i * entrySize;
    return {
      nameAt: table.readUInt32LE(at),
      type: table.readUInt32LE(at + 4),
      address: table.readBigUInt64LE(at + 16),
      offset: Number(table.readBigUInt64LE(at + 24)),
      size: Number(table.readBigUInt64LE(at + 32)),
      link: table.readUInt32LE(at + 40),
      entrySize: Number(table.readBigUInt64LE(at + 56)),
    };
  });
}

/** Elf64_Sym: name, info, other, section index, value, size; 24 bytes. An index of 0 means: imported. */
function collect(table: Buffer, strings: Buffer, names: ReadonlySet<string>, found: Map<string, bigint>): void {
  for (let at = 0; at + 24 <= table.length; at += 24) {
    if (table.readUInt16LE(at + 6) === 0) continue;
    // STT_FUNC 2; a function chosen at load time (10) has no address of its own.
    if ((table.readUInt8(at + 4) & 0xf) !== 2) continue;
    const start = table.readUInt32LE(at);
    const end = strings.indexOf(0, start);
    if (end < 0 || end - start > 64) continue;
    const name = strings.toString('latin1', start, end);
    if (names.has(name)) found.set(name, table.readBigUInt64LE(at + 8));
  }
}
