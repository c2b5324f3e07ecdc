import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../../..');
let known: { built: boolean; reason: string } | undefined;

/** Builds the native walker where a compiler is present; says why there is none otherwise. */
export function nativeWalker(): { built: boolean; reason: string } {
  if (known) return known;
  const run = spawnSync(process.execPath, [join(ROOT, 'build', 'native.mjs')], { encoding: 'utf8', timeout: 60_000 });
  const file = join(ROOT, 'main/agents/python/native/bin', `${process.platform}-${process.arch}`, 'heapwalk.so');
  const built = run.status === 0 && existsSync(file);
  known = { built, reason: built ? '' : (run.stdout + run.stderr).trim() || 'no compiler' };
  return known;
}
