/** Interpreters that `npm run pythons` unpacked, or that somebody laid out alike: `<folder>/<name>/bin/python`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** HEAPHOUSE_TEST_PYTHONS, else `.cache/pythons` in the checkout. Empty when there is no such folder. */
export function unpackedPythons(): string[] {
  const folder = process.env['HEAPHOUSE_TEST_PYTHONS'] ?? fileURLToPath(new URL('../../.cache/pythons', import.meta.url));
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(folder, name, 'bin', 'python'))
    .filter((path) => existsSync(path))
    .sort();
}
