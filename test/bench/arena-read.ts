/**
 * Time to read the arenas of a living Python with 1 and 4 GiB in them (sizes in GiB as arguments), per GiB: headers of all
 * pools from outside, and the pages of the map as the view fetches them. Needs so much free memory and a little more.
 *
 *   node test/bench/arena-read.ts [--python 3.8] [GiB …]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MAX_ARENAS_PER_PAGE } from '#shared/contracts/memory.ts';
import { startSessionHost } from '../integration/capture/session-client.ts';
import { startWatchedPython } from '../integration/memory/python-program.ts';
import { supportedInterpreters } from '../integration/python-agent/interpreters.ts';

const RUNS = 5;
const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { python: { type: 'string', default: '3.12' } } });
const sizes = positionals.length > 0 ? positionals.map(Number) : [1, 4];
const python = supportedInterpreters().found.find(({ minor }) => minor === options.python) ?? supportedInterpreters().found.at(-1);
if (!python) throw new Error('No Python was found.');

for (const gib of sizes) {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
  const host = await startSessionHost();
  // A bytes object of 472 bytes takes a block of 512, two in three are kept: pools are partly full, as in life.
  const program = await startWatchedPython(host, dir, python.path, `import gc\ngc.disable()\nn = int(${gib} * 1024 ** 3 / 512)\nkept = [bytes(472) for i in range(n)]\nfor i in range(0, n, 3): kept[i] = None\n`);
  try {
    const reads: number[] = [];
    const pages: number[] = [];
    let arenas = 0;
    let bytes = 0;
    for (let run = 0; run < RUNS; run++) {
      const began = performance.now();
      const map = await host.memory.readArenas({});
      reads.push(performance.now() - began);
      arenas = map.arenas;
      bytes = map.arenas * map.arenaBytes;
      const fetched = performance.now();
      for (let start = 0; start < map.arenas; start += MAX_ARENAS_PER_PAGE) await host.memory.arenas({ readingId: map.readingId, start, end: Math.min(map.arenas, start + MAX_ARENAS_PER_PAGE) });
      pages.push(performance.now() - fetched);
    }
    const least = (values: number[]) => Math.min(...values);
    const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
    const heldGib = bytes / 1024 ** 3;
    process.stdout.write(
      `${python.version}, ${arenas} arenas, ${heldGib.toFixed(1)} GiB: first read ${(reads[0] ?? 0).toFixed(0)} ms, then ${median(reads.slice(1)).toFixed(0)} ms (least ${least(reads).toFixed(0)}), ${(median(reads.slice(1)) / heldGib).toFixed(0)} ms a GiB; all pages to the view ${median(pages).toFixed(0)} ms (least ${least(pages).toFixed(0)})\n`,
    );
  } finally {
    await host.stop();
    await program.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}
