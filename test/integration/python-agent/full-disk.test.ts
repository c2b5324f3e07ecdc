/** A disk that fills up while a snapshot is written to it: said clearly, nothing left behind, the program unharmed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Client, Target, TARGETS } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found } = supportedInterpreters();
const folder = mkdtempSync(join(tmpdir(), 'heaphouse-full-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'heaphouse-test', folder]);
const isMounted = mounted.status === 0;
const why = isMounted ? '' : ` (no disk of 1 MB can be mounted here: ${String(mounted.stderr ?? '').trim().slice(0, 100) || 'no mount'})`;
let target: Target;
let client: Client;

afterAll(async () => {
  client?.close();
  await target?.dispose();
  if (isMounted) spawnSync('umount', ['-l', folder]);
  if (existsSync(folder)) rmdirSync(folder);
});

// The oldest and the newest, the native and the Python walker, and the disk full from the start or in the middle.
for (const python of new Set([found[0], found.at(-1)])) {
  if (!python) it.skip('a full disk (needs a Python)', () => undefined);
  else {
    it.skipIf(!isMounted)(`a full disk is told by CPython ${python.version}, and nothing is left on it${why}`, async () => {
      target = new Target(python.path, [join(TARGETS, 'planted.py')]);
      client = await Client.open((await target.meet()).webSocketUrl);
      const path = join(folder, 'one.heapsnapshot');
      const modes = ((await client.call('Python.getInfo'))['capabilities'] as { nativeHelper: { available: boolean } }).nativeHelper.available ? ['clone', 'stopTheWorld', 'fork', 'inProcess'] : ['fork', 'inProcess'];
      for (const filled of [0, 1024 * 1024]) {
        const filler = join(folder, 'filler');
        writeFileSync(filler, Buffer.alloc(filled));
        for (const mode of modes) {
          const { error } = await client.request('Python.writeHeapSnapshot', { path, mode, reportProgress: false });
          expect({ mode, message: error?.message }).toEqual({ mode, message: expect.stringContaining('No space left on device') as string });
          expect(readdirSync(folder)).toEqual(['filler']);
          expect(await client.evaluate('6 * 7')).toBe(42);
        }
        writeFileSync(filler, '');
      }
      // And on a disk with room it works again, with the walker it had.
      const done = await client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'two.heapsnapshot'), mode: modes[0] as string, reportProgress: false });
      expect(done['mode']).toBe(modes[0]);
      client.close();
      await target.dispose();
    });
  }
}
