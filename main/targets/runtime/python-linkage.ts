/** What stands in a Python process's files that decides by which way it can be entered. Read from outside, remembered per file. */
import { basename } from 'node:path';
import { readExports } from '../proc/elf-symbols.ts';
import { parseMappedFiles } from '../proc/parse.ts';
import { fileStamp, readHead } from '../proc/read.ts';
import { pythonInMaps } from './identify.ts';

export interface PythonLinkage {
  /** Whether the functions that are called are exported, known to a debugger only, or not to be found at all. */
  symbols: 'exported' | 'debug' | 'none';
  libc: 'glibc' | 'musl' | 'none';
}

/** The function that every way in needs. */
const NEEDED = 'PyRun_SimpleString';
const MAX_CACHED = 500;
const cache = new Map<string, Promise<PythonLinkage['symbols']>>();

/** Null where we may not look. */
export async function readPythonLinkage(pid: number): Promise<PythonLinkage | null> {
  const maps = await readHead(`/proc/${pid}/maps`, 8_388_608);
  if (maps === null || maps === '') return null;
  const files = parseMappedFiles(maps);
  const libc = libcOf(files);
  // A shared libpython exports: that is what it is for.
  if (pythonInMaps(files) !== null) return { symbols: 'exported', libc };
  const exe = `/proc/${pid}/exe`;
  const stamp = await fileStamp(exe);
  if (stamp === null) return null;
  let symbols = cache.get(stamp);
  if (!symbols) {
    if (cache.size >= MAX_CACHED) cache.clear();
    symbols = readSymbols(exe);
    cache.set(stamp, symbols);
  }
  return { symbols: await symbols, libc };
}

export function libcOf(files: readonly string[]): PythonLinkage['libc'] {
  const names = files.map((file) => basename(file));
  if (names.some((name) => /^(ld-musl-|libc\.musl-)/.test(name))) return 'musl';
  if (names.some((name) => /^(libc\.so\.6|libc-2\.\d+\.so)$/.test(name))) return 'glibc';
  return 'none';
}

async function readSymbols(exe: string): Promise<PythonLinkage['symbols']> {
  for (const table of ['exported', 'debug'] as const) {
    if ((await readExports(exe, new Set([NEEDED]), table))?.symbols.has(NEEDED)) return table;
  }
  return 'none';
}
