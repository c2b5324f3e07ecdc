import { heapFormatError, isHeapFormatError } from './errors.ts';
import { readHeader } from './header.ts';
import { show } from './integers.ts';
import { expectByte, peek, readKey, readObject, skipValue } from './json-scan.ts';
import { assemble } from './raw-heap.ts';
import type { RawHeap, Sections } from './raw-heap.ts';
import { createEdgeReading } from './edge-reading.ts';
import type { EdgeReading } from './edge-reading.ts';
import { EDGE_BLOCK_BYTES } from './edge-halves.ts';
import type { Helper } from './helper.ts';
import { scanStringTable } from './known-strings.ts';
import { createPacer, quiet } from './run.ts';
import type { Pacer, RunOptions } from './run.ts';
import { readEdges, readLocations, readNodes, readStrings } from './sections.ts';
import { openSource } from './source.ts';
import type { ByteSource } from './source.ts';

/**
 * Reads a whole file. Throws HeapFormatError. Sections may come in any order; when the header comes after what it
 * describes, the file is read twice. With a helper the edges are read by two threads.
 */
export async function readHeapFile(
  path: string,
  run: RunOptions | undefined,
  helper: Helper | null = null,
  edgeBlockBytes: number = EDGE_BLOCK_BYTES,
): Promise<RawHeap> {
  if (helper) {
    const edges = createEdgeReading(path, helper, edgeBlockBytes);
    try {
      return await readAll(path, run, edges);
    } catch (error) {
      // Read once more from the front, so that the first fault of the file is the one that is told.
      if (!edges.used || !isHeapFormatError(error)) throw error;
    }
  }
  return readAll(path, run, null);
}

async function readAll(path: string, run: RunOptions | undefined, edges: EdgeReading | null): Promise<RawHeap> {
  const sections: Sections = { header: null, nodes: null, edges: null, locations: null, strings: null, known: null };
  const first = await readPass(path, sections, run, edges);
  if (!sections.header) {
    throw heapFormatError('not-a-snapshot', 'The file is JSON, but has no "snapshot" section');
  }
  if (first.skipped) await readPass(path, sections, run, null);
  return assemble(sections, first.fileBytes, first.textBytes, run);
}

interface Pass {
  readonly fileBytes: number;
  readonly textBytes: number;
  /** A section was passed over because the header had not been seen. */
  readonly skipped: boolean;
}

async function readPass(
  path: string,
  sections: Sections,
  run: RunOptions | undefined,
  halves: EdgeReading | null,
): Promise<Pass> {
  run?.signal?.throwIfAborted();
  const source = await openSource(path);
  try {
    const pacer = createPacer(run, 'reading', source.fileBytes);
    let skipped = await readSections(source, sections, pacer, halves);
    if (sections.strings && sections.header && !sections.known) {
      sections.known = await scanStringTable(sections.strings, sections.header.nodeKinds, quiet(run));
    }
    halves?.release();
    if (halves?.active) {
      sections.edges = await halves.finish(source.plainFile!, pacer, run);
      // Not as plain as it looked: once more, by the scanner that can say what is wrong.
      if (!sections.edges) skipped = true;
    }
    pacer.finish();
    return { fileBytes: source.fileBytes, textBytes: source.base + source.end, skipped };
  } finally {
    halves?.release();
    await source.close();
  }
}

async function readSections(
  source: ByteSource,
  sections: Sections,
  pacer: Pacer,
  halves: EdgeReading | null,
): Promise<boolean> {
  await openText(source);
  const seen = new Set<string>();
  let skipped = false;
  for (let first = true; ; first = false) {
    const next = await peek(source);
    if (next === 0x7d) {
      source.pos++;
      break;
    }
    if (!first) await expectByte(source, ',', 'the list of sections');
    const key = await readKey(source);
    await expectByte(source, ':', 'the list of sections');
    if (seen.has(key)) {
      throw heapFormatError('corrupt', `The section "${key}" comes twice`, source.base + source.pos);
    }
    seen.add(key);
    if (!(await readSection(key, source, sections, pacer, halves))) skipped = true;
  }
  if ((await peek(source)) !== -1) {
    throw heapFormatError('corrupt', 'Something follows the end of the snapshot', source.base + source.pos);
  }
  return skipped;
}

/** Takes a byte order mark and the opening brace. */
async function openText(source: ByteSource): Promise<void> {
  let byte = await peek(source);
  if (byte === 0xef && source.end - source.pos >= 3) {
    if (source.bytes[source.pos + 1] === 0xbb && source.bytes[source.pos + 2] === 0xbf) {
      source.pos += 3;
      byte = await peek(source);
    }
  }
  const offset = source.base + source.pos;
  if (byte === -1) throw heapFormatError('empty', 'The file holds nothing but white space', 0);
  if (byte === 0x5b) throw heapFormatError('not-a-snapshot', 'The file is a JSON list, not a heap snapshot', offset);
  if (byte !== 0x7b) throw heapFormatError('not-json', `The file begins with ${show(byte)}, not with "{",`, offset);
  source.pos++;
}

/** Reads or passes over one section; false when it must be read again because the header is still to come. */
async function readSection(
  key: string,
  source: ByteSource,
  sections: Sections,
  pacer: Pacer,
  halves: EdgeReading | null,
): Promise<boolean> {
  const header = sections.header;
  const passOver = (): Promise<void> =>
    skipValue(source, `"${key}"`, () => (pacer.due() ? pacer.pause(source.consumed()) : undefined));
  switch (key) {
    case 'snapshot': {
      await peek(source);
      const offset = source.base + source.pos;
      if (header) await passOver();
      else sections.header = readHeader(await readObject(source, 'the "snapshot" section'), offset);
      return true;
    }
    case 'strings':
      if (sections.strings) await passOver();
      else sections.strings = await readStrings(source, sections.nodes?.count ?? 0, pacer);
      return true;
    case 'nodes':
      if (header && !sections.nodes) {
        await halves?.begin(source, header);
        sections.nodes = await readNodes(source, header, pacer);
      }
      else await passOver();
      return header !== null;
    case 'edges':
      if (header && !sections.edges && (await halves?.passOver(source, pacer))) return true;
      if (header && !sections.edges) sections.edges = await readEdges(source, header, pacer);
      else await passOver();
      return header !== null;
    case 'locations':
      if (header && !sections.locations && header.locationFields.length > 0) {
        sections.locations = await readLocations(source, header, pacer);
      } else await passOver();
      return header !== null;
    default:
      await passOver();
      return true;
  }
}
