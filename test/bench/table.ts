/** The tree table in Chromium: frames while ten million rows scroll, and the first rows of a million after sort and filter. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';
import { analysisContract } from '#main/hosts/analysis-contract.ts';
import { socketChannel } from '#main/web/socket-channel.ts';
import { startNodeHost } from '#main/workbench/node-host-process.ts';
import { createRpcClient } from '#shared/rpc/client.ts';
import { RPC_PROTOCOL } from '#shared/rpc/frames.ts';
import { openBenchPage, pause, printLine, type BenchPage } from '../component/bench/bench-page.ts';
import { writeSyntheticSnapshot } from '../fixtures/heap/generate.ts';

const { values } = parseArgs({ options: { nodes: { type: 'string', default: '1000000' }, steps: { type: 'string', default: '250' }, picture: { type: 'string' } } });
const STEPS = Number(values.steps);
const ROUNDS = 5;
const TABLE = `document.querySelector('[role="treegrid"]')`;

const page = await openBenchPage('table.html');
try {
  await page.show();
  await scrolling(page, 'ten million rows made on the spot');
  await ofSnapshot(page);
  if (values.picture) writeFileSync(values.picture, await page.screenshot());
} finally {
  await page.close();
}

async function scrolling(on: BenchPage, what: string): Promise<void> {
  const measure = async (name: string, step: (index: number) => Promise<unknown>) => {
    const times = await on.frames(STEPS, step);
    const first = await on.evaluate(`document.querySelector('.rows [role="row"] [data-testid="cell-name"]')?.textContent ?? 'skeleton'`);
    printLine({ what, name, ...times, first });
  };
  // What the machine gives to a page that does nothing.
  await measure('at rest', () => Promise.resolve());
  await measure('wheel, 100 px a step', () => on.wheel(100));
  await measure('wheel, 1,500 px a step', () => on.wheel(1_500));
  await on.evaluate(`${TABLE}.focus()`);
  await measure('Page Down held', () => on.key('PageDown', 34));
  await measure('bar moved all the way', (index) => on.evaluate(`{ const t = ${TABLE}; t.scrollTop = (t.scrollHeight * ${index}) / ${STEPS}; }`));
  await measure('End and Home', (index) => (index % 2 === 0 ? on.key('End', 35) : on.key('Home', 36)));
}

/** A real analysis host behind a socket, as the web host has it. */
async function ofSnapshot(on: BenchPage): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
  const path = join(work, 'large.heapsnapshot');
  await writeSyntheticSnapshot(path, { nodes: Number(values.nodes) });
  const host = startNodeHost('analysis', 'bench');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  try {
    const control = createRpcClient(host.channel);
    await control.ready;
    await control.service(analysisContract).register({ snapshotId: 's1', path, name: 'large', takenAt: 0 });
    server.on('connection', (socket) => {
      const channel = socketChannel(socket);
      channel.post({ t: 'hello', protocol: RPC_PROTOCOL });
      host.channel.onMessage((message) => channel.post(message));
      channel.onMessage((message) => host.channel.post(message));
    });
    const { port } = server.address() as { port: number };
    await on.show(`?port=${port}`);
    const ask = async (code: string) => (await on.evaluate(code)) as { ms: number; rows: number };
    const asked: Record<string, (round: number) => Promise<{ ms: number; rows: number }>> = {
      'sort by shallow size': () => ask(`window.sort_('shallowBytes', 'descending')`),
      'sort by retained size': () => ask(`window.sort_('retainedBytes', 'ascending')`),
      'sort by name': () => ask(`window.sort_('name', 'ascending')`),
      'sort by distance': () => ask(`window.sort_('distance', 'ascending')`),
      // Each time another one: a filter that was asked for before is remembered.
      'filter, plain': (round) => ask(`window.list_('session1${round}')`),
      'filter, regular expression': (round) => ask(`window.list_('/^session.*${round}$/i')`),
    };
    for (const [name, run] of Object.entries(asked)) {
      const answers: { ms: number; rows: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        if (name.startsWith('sort')) await ask(`window.list_('')`);
        answers.push(await run(round));
        await pause(50);
      }
      const times = answers.map(({ ms }) => Math.round(ms)).sort((a, b) => a - b);
      printLine({ what: `${values.nodes} nodes in an analysis host`, name, rows: answers[0]?.rows, leastMs: times[0], medianMs: times[ROUNDS >> 1], mostMs: times.at(-1) });
    }
    await ask(`window.list_('')`);
    await scrolling(on, `${values.nodes} objects of an analysis host`);
  } finally {
    server.close();
    for (const socket of server.clients) socket.terminate();
    await host.stop();
    rmSync(work, { recursive: true, force: true });
  }
}
