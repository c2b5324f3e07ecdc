/**
 * A versioned JSON file that the application owns and people may edit: settings, launch history. What cannot be read is
 * never lost: it is copied to `NAME.bak` (`.bak-2`, …) before anything is written over it, and the user is told.
 */
import { constants } from 'node:fs';
import { copyFile, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import { makeFolders } from './make-folders.ts';
import { readTextFile, writeJsonFile } from './json-file.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_BACKUPS = 20;

export interface KeptFormat<T> {
  /** `heaphouse-settings`; stands in the file. */
  format: string;
  version: number;
  schema: v.GenericSchema<unknown, T>;
  defaults: () => T;
  /** `upgraders[n]` turns the content of version n+1 into n+2. */
  upgraders: ((content: Record<string, unknown>) => Record<string, unknown>)[];
}

export interface KeptFile<T> {
  /** Never throws: what is wrong becomes the notice. */
  load(): Promise<{ value: T; notice: string | null }>;
  save(value: T): Promise<void>;
}

/** `path` null: kept in memory only. */
export function keptFile<T>(path: string | null, { format, version, schema, defaults, upgraders }: KeptFormat<T>): KeptFile<T> {
  function read(text: string): T {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      throw new HeaphouseError('bad-file', `it is not valid JSON (${(error as Error).message})`);
    }
    const file = parsed as { format?: unknown; version?: unknown } | null;
    if (typeof file !== 'object' || file === null || file.format !== format) throw new HeaphouseError('bad-file', `it is no ${format} file`);
    if (typeof file.version !== 'number' || !Number.isInteger(file.version) || file.version < 1) throw new HeaphouseError('bad-file', 'it has no valid version');
    if (file.version > version) throw new HeaphouseError('unsupported', `a newer Heaphouse wrote it (version ${file.version}, this one reads up to ${version})`);
    let content = file as Record<string, unknown>;
    for (const step of upgraders.slice(file.version - 1)) content = step(content);
    const result = v.safeParse(schema, content);
    if (result.success) return result.output;
    const [issue] = result.issues;
    throw new HeaphouseError('bad-file', `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
  }

  /** Errors: `io`, when no copy can be made; then nothing may be written over the file. */
  async function keepCopy(from: string): Promise<string> {
    const old = await readFile(from);
    for (let n = 1; n <= MAX_BACKUPS; n++) {
      const to = n === 1 ? `${from}.bak` : `${from}.bak-${n}`;
      try {
        await copyFile(from, to, constants.COPYFILE_EXCL);
        return to;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const same = (await stat(to)).size === old.length && (await readFile(to)).equals(old);
        if (same) return to;
      }
    }
    throw new HeaphouseError('io', `There are ${MAX_BACKUPS} copies of ${from} already.`, { advice: 'Delete the ones you do not need.' });
  }

  /** A file that could neither be read nor copied. */
  let untouchable: string | null = null;

  return {
    async load() {
      if (path === null) return { value: defaults(), notice: null };
      let text: string | null = null;
      try {
        text = await readTextFile(path, MAX_BYTES);
        return { value: text === null ? defaults() : read(text), notice: null };
      } catch (error) {
        const why = toWireError(error).message;
        try {
          const copy = await keepCopy(path);
          return { value: defaults(), notice: `${path} could not be used: ${why}. Defaults are in effect; the file is kept as ${copy}.` };
        } catch (failure) {
          untouchable = `${path} could not be used: ${why}. It could not be copied either (${toWireError(failure).message}), so nothing is written over it.`;
          return { value: defaults(), notice: `${untouchable} Defaults are in effect.` };
        }
      }
    },
    async save(value) {
      if (path === null) return;
      if (untouchable !== null) throw new HeaphouseError('io', untouchable, { advice: 'Move the file away, then start Heaphouse again.' });
      await makeFolders(dirname(path));
      await writeJsonFile(path, { format, version, ...value });
    },
  };
}
