/**
 * What the system tells about a process without touching it: resident memory, whether it still is there, whether it
 * sees the same files as we do. Linux; elsewhere the figures are null and the target's own are used.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Key of the page size in the auxiliary vector (`AT_PAGESZ`, elf.h). */
const AT_PAGESZ = 6n;
const FALLBACK_PAGE_BYTES = 4_096;

let cachedPageBytes: number | null = null;

/** The kernel's page size, which `statm` counts in: 4 KiB on x86, 4 to 64 KiB on ARM. */
export function pageBytes(): number {
  cachedPageBytes ??= readPageBytes();
  return cachedPageBytes;
}

function readPageBytes(): number {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let offset = 0; offset + 16 <= vector.byteLength; offset += 16) {
      if (vector.readBigUInt64LE(offset) === AT_PAGESZ) return Number(vector.readBigUInt64LE(offset + 8));
    }
  } catch {
    // No /proc: nobody will ask for pages either.
  }
  return FALLBACK_PAGE_BYTES;
}

export interface RssReader {
  /** Bytes; null when the process is gone (or was never readable). */
  read(): number | null;
  /** The process was there and is not any more. */
  readonly gone: boolean;
  close(): void;
}

/**
 * Reads resident memory through one open descriptor: cheap at ten times a second, and it stays bound to this process
 * when its pid is used again.
 */
export function openRssReader(pid: number): RssReader {
  let descriptor: number | null = null;
  let gone = false;
  const buffer = Buffer.alloc(256);
  try {
    descriptor = openSync(`/proc/${pid}/statm`, 'r');
  } catch (error) {
    gone = process.platform === 'linux' && (error as NodeJS.ErrnoException).code === 'ENOENT';
  }

  function close(): void {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
  }

  return {
    read() {
      if (descriptor === null) return null;
      try {
        const length = readSync(descriptor, buffer, 0, buffer.byteLength, 0);
        const resident = Number(buffer.toString('latin1', 0, length).split(' ')[1]);
        // A zombie has no memory left; a live process always has some.
        if (!(resident > 0)) {
          gone = true;
          return null;
        }
        return resident * pageBytes();
      } catch {
        gone = true;
        close();
        return null;
      }
    },
    get gone() {
      return gone;
    },
    close,
  };
}

/** A page's renderer changes when the page goes to another site: reads of whichever it is now, gone when the browser is. */
export function openRendererRssReader(rendererPid: () => number | null, browserPid: number): RssReader {
  const browser = openRssReader(browserPid);
  let renderer: { pid: number; reader: RssReader } | null = null;
  return {
    read() {
      // Only to learn of its end.
      browser.read();
      const pid = rendererPid();
      if (pid !== renderer?.pid) {
        renderer?.reader.close();
        renderer = pid === null ? null : { pid, reader: openRssReader(pid) };
      }
      return renderer?.reader.read() ?? null;
    },
    get gone() {
      return browser.gone;
    },
    close() {
      browser.close();
      renderer?.reader.close();
    },
  };
}

/** A pid that a browser tells, if it is a renderer here: in a container the browser counts its own way. */
export function rendererOnThisMachine(pid: number | null): number | null {
  if (pid === null) return null;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=renderer') ? pid : null;
  } catch {
    return null;
  }
}

/** Whether a process runs as the same user with the same view of the file system, so that it can write files for us. */
export async function sharesFileSystem(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  try {
    const [ours, theirs, ourRoot, theirRoot, self, other] = await Promise.all([
      stat('/proc/self/ns/mnt'),
      stat(`/proc/${pid}/ns/mnt`),
      stat('/proc/self/root/'),
      stat(`/proc/${pid}/root/`),
      stat('/proc/self'),
      stat(`/proc/${pid}`),
    ]);
    if (self.uid !== other.uid) return false;
    return ours.ino === theirs.ino && ourRoot.ino === theirRoot.ino && ourRoot.dev === theirRoot.dev;
  } catch {
    // Not ours to look at: then it is not ours to let it write either.
    return false;
  }
}
