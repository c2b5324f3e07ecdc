/** Which pages of a process are in memory, from /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
import { closeSync, openSync, readSync } from 'node:fs';
import { pageBytes } from '../process-memory.ts';

export interface AddressRange {
  start: number;
  end: number;
}

export interface Pagemap {
  /** Bytes of [start, end) in memory; whole pages. */
  residentBytes(range: AddressRange): number;
  /** Page by page of [start, end), 1 for those in memory. */
  pages(range: AddressRange): Uint8Array;
  /** The parts of [start, end) that are in memory. */
  presentRuns(range: AddressRange): AddressRange[];
  close(): void;
}

const ENTRY_BYTES = 8;
const CHUNK_ENTRIES = 32_768;
/** Bit 63 of an entry, in its last byte. */
const PRESENT = 0x80;

/** Null when we may not ask. */
export function openPagemap(pid: number): Pagemap | null {
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${pid}/pagemap`, 'r');
  } catch {
    return null;
  }
  const page = pageBytes();
  const chunk = Buffer.alloc(CHUNK_ENTRIES * ENTRY_BYTES);

  function forEachPage({ start, end }: AddressRange, visit: (address: number, present: boolean) => void): void {
    let first = Math.floor(start / page);
    const last = Math.ceil(end / page);
    while (first < last) {
      const count = Math.min(CHUNK_ENTRIES, last - first);
      let got = 0;
      try {
        got = readSync(descriptor, chunk, 0, count * ENTRY_BYTES, first * ENTRY_BYTES);
      } catch {
        // The process has ended: nothing is in memory.
      }
      if (got <= 0) return;
      for (let i = 0; i < got / ENTRY_BYTES; i++) visit((first + i) * page, (chunk[i * ENTRY_BYTES + 7] & PRESENT) !== 0);
      first += got / ENTRY_BYTES;
    }
  }

  return {
    residentBytes(range) {
      let pages = 0;
      forEachPage(range, (_address, present) => {
        if (present) pages++;
      });
      return pages * page;
    },
    pages(range) {
      const first = Math.floor(range.start / page);
      const found = new Uint8Array(Math.ceil(range.end / page) - first);
      forEachPage(range, (address, present) => {
        if (present) found[address / page - first] = 1;
      });
      return found;
    },
    presentRuns(range) {
      const runs: AddressRange[] = [];
      let open: AddressRange | null = null;
      forEachPage(range, (address, present) => {
        if (!present) open = null;
        else if (open) open.end = address + page;
        else runs.push((open = { start: address, end: address + page }));
      });
      return runs;
    },
    close: () => closeSync(descriptor),
  };
}
