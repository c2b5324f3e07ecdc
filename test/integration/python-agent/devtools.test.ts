/** Chrome DevTools itself, connected to a Python process. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium } from '#test/e2e/driver/browser-path.ts';
import { pause, Target, TARGETS } from './agent-client.ts';
import { DevToolsFrontEnd } from './devtools-front-end.ts';
import { supportedInterpreters } from './interpreters.ts';

const chromium = findChromium();
const { found } = supportedInterpreters();
const python = found.find((one) => one.minor === '3.13') ?? found.at(-1);
const missing = chromium.missing ?? (python ? null : 'there is no CPython');

describe.skipIf(missing !== null)(`Chrome DevTools on CPython${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let target: Target;
  let devTools: DevToolsFrontEnd;

  beforeAll(async () => {
    target = new Target(python!.path, [join(TARGETS, 'planted.py'), '2000']);
    const meeting = await target.meet();
    await target.says('ready');
    devTools = await DevToolsFrontEnd.open(chromium.path!, meeting.webSocketUrl);
  }, 60_000);

  afterAll(async () => {
    await devTools?.close();
    await target?.dispose();
  });

  it('evaluates Python in the console', async () => {
    await devTools.click('Console', 'tab');
    await pause(300);
    await devTools.type("'session %d' % _cache[100007].number");
    await devTools.press('Enter', 13);
    await devTools.shows(/^'?session 100007'?$/);
    await devTools.type('undefined_name');
    await devTools.press('Enter', 13);
    await devTools.shows(/NameError/);
  }, 60_000);

  it('takes a heap snapshot in the Memory panel and shows Python classes', async () => {
    await devTools.click('Memory', 'tab');
    await devTools.click('Take snapshot');
    await devTools.shows('__main__.Session', 60_000);
    const texts = await devTools.texts();
    expect(texts).toContain('×2,002');
    expect(texts).toEqual(expect.arrayContaining(['dict', 'Constructor', 'Retained size']));
    if (process.env['HEAPHOUSE_PICTURES']) await devTools.screenshot(join(process.env['HEAPHOUSE_PICTURES'], 'devtools-python-memory.png'));
  }, 90_000);

  it('samples allocations', async () => {
    await devTools.click('Profiles');
    await devTools.click('Allocation sampling');
    await devTools.click('Start');
    await devTools.shows('Stop');
    await pause(300);
    await devTools.click('Console', 'tab');
    await pause(300);
    // What the console runs is not the program's doing and is left out; a thread that it starts is the program's.
    await devTools.type("exec('def allocates_much():\\n _cache[0] = [bytearray(5000) for _ in range(3000)]'); threading.Thread(target=allocates_much).start()");
    await devTools.press('Enter', 13);
    await pause(500);
    await devTools.click('Memory', 'tab');
    await devTools.click('Stop');
    await devTools.shows(/allocates_much/, 30_000);
  }, 90_000);
});
