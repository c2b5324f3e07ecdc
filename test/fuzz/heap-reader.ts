/**
 * Long mutation fuzz over the heap reader:
 *
 *   npm run fuzz -- [--cases N] [--seed S] [--case N]
 *
 * Every case is a damaged snapshot made from seed and number alone; `--case` repeats one. A thread works through the
 * cases; this one sees to it that none hangs or takes more memory than it may. Ends with 1 at the first case that fails.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { mutant, tryFile } from '#test/fixtures/heap/mutate.ts';

interface Task {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly folder: string;
  /** [case under way, opened so far] */
  readonly state: Int32Array;
}

/** No damaged file of some kilobytes needs a hundredth of these. */
const HANG_MS = 20_000;
const MAX_RSS_BYTES = 2 * 2 ** 30;

if (isMainThread) await watch();
else await work(workerData as Task);

async function work({ seed, from, to, folder, state }: Task): Promise<void> {
  const path = join(folder, 'case.heapsnapshot');
  for (let number = from; number < to; number++) {
    Atomics.store(state, 0, number);
    const content = mutant(seed, number);
    writeFileSync(path, content);
    try {
      if (await tryFile(path, content)) Atomics.add(state, 1, 1);
    } catch (error) {
      parentPort!.postMessage({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return;
    }
  }
  parentPort!.postMessage(null);
}

async function watch(): Promise<void> {
  const { values } = parseArgs({
    options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' }, case: { type: 'string' } },
  });
  const seed = Number(values.seed);
  const from = values.case === undefined ? 0 : Number(values.case);
  const to = values.case === undefined ? Number(values.cases) : from + 1;
  if (![seed, from, to].every(Number.isSafeInteger) || to <= from) throw new Error('--cases, --seed and --case are whole numbers');
  const folder = mkdtempSync(join(tmpdir(), 'heaphouse-fuzz-'));
  const state = new Int32Array(new SharedArrayBuffer(8));
  const started = performance.now();
  let ended = false;
  const end = (failure: string | null): void => {
    if (ended) return;
    ended = true;
    rmSync(folder, { recursive: true, force: true });
    const cases = Atomics.load(state, 0) - from + 1;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${cases} cases of seed ${seed} in ${seconds} s: ${Atomics.load(state, 1)} opened, ${failure === null ? 'the rest refused' : 'then one failed'}`);
    if (failure !== null) {
      console.log(`${failure}\nrepeat: npm run fuzz -- --seed ${seed} --case ${Atomics.load(state, 0)}`);
    }
    process.exit(failure === null ? 0 : 1);
  };
  const worker = new Worker(new URL(import.meta.url), { workerData: { seed, from, to, folder, state } satisfies Task });
  worker.on('message', (message: { number: number; error: string } | null) => {
    end(message && `case ${message.number}: ${message.error}`);
  });
  worker.on('error', (error) => {
    end(`the thread died: ${error.stack ?? error.message}`);
  });
  let last = -1;
  let since = performance.now();
  let reported = since;
  setInterval(() => {
    const now = performance.now();
    const current = Atomics.load(state, 0);
    if (current !== last) since = now;
    last = current;
    if (now - since > HANG_MS) end(`case ${current} hangs`);
    if (process.memoryUsage.rss() > MAX_RSS_BYTES) end(`case ${current}: more than 2 GiB of memory`);
    if (now - reported > 15_000) {
      reported = now;
      console.log(`${current - from} of ${to - from}`);
    }
  }, 250);
  await new Promise(() => undefined);
}
