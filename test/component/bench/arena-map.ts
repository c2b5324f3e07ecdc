/**
 * Draws 4 GiB of pymalloc arenas in Chromium (262,144 and 1,048,576 pools), scrolls and zooms, and prints times.
 * Run: node test/component/bench/arena-map.ts [path of chromium]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { build, preview } from 'vite';
import { WebSocket } from 'ws';

const chromium = process.argv[2] ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
if (!chromium) throw new Error('No Chromium was found; give its path.');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const work = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
const config = { root: import.meta.dirname, configFile: false as const, logLevel: 'error' as const, build: { outDir: join(work, 'page'), emptyOutDir: true, rollupOptions: { input: join(import.meta.dirname, 'arena-map.html') }, target: 'esnext' } };
await build({ ...config, base: './', plugins: [vue()] });
const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
const url = server.resolvedUrls?.local[0] ?? '';

const profile = join(work, 'profile');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--remote-debugging-port=0', '--window-size=1440,900', `--user-data-dir=${profile}`, 'about:blank'];
const browser = spawn(chromium, flags, { stdio: 'ignore' });
try {
  const portFile = join(profile, 'DevToolsActivePort');
  for (let turn = 0; turn < 100 && !existsSync(portFile); turn++) await pause(100);
  const port = readFileSync(portFile, 'utf8').split('\n')[0];
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { type: string; webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(targets.find(({ type }) => type === 'page')?.webSocketDebuggerUrl ?? '');
  await new Promise((resolve) => socket.once('open', resolve));
  let nextId = 0;
  const send = (method: string, params: object = {}) =>
    new Promise<{ result?: { value?: unknown } }>((resolve) => {
      const id = ++nextId;
      const listen = (data: unknown) => {
        const message = JSON.parse(String(data)) as { id?: number; result?: { result?: { value?: unknown } } };
        if (message.id !== id) return;
        socket.off('message', listen);
        resolve(message.result ?? {});
      };
      socket.on('message', listen);
      socket.send(JSON.stringify({ id, method, params }));
    });
  const evaluate = async (expression: string) => (await send('Runtime.evaluate', { expression, returnByValue: true })).result?.value;
  const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

  for (const query of ['', '?old']) {
    await send('Page.navigate', { url: `${url}arena-map.html${query}` });
    let title = '';
    for (let turn = 0; turn < 200 && !title.startsWith('drawn'); turn++) {
      await pause(100);
      title = String(await evaluate('document.title'));
    }
    const arenas = Number(await evaluate(`document.querySelector('[data-testid="arena-map"]').dataset.arenas`));
    print({ name: 'first drawing, from the pages to the screen', arenas, pools: arenas * 64, ms: Number(title.slice(6)) });
    await evaluate('window.frames_ = []; let last = 0; requestAnimationFrame(function turn(at) { if (last) window.frames_.push(at - last); last = at; requestAnimationFrame(turn); })');
    const measure = async (name: string, steps: number, step: (index: number) => Promise<unknown>) => {
      await evaluate('window.frames_.length = 0');
      for (let index = 0; index < steps; index++) {
        await step(index);
        await pause(14);
      }
      const frames = ((await evaluate('window.frames_.slice()')) as number[]).sort((a, b) => a - b);
      const at = (share: number) => Number((frames[Math.floor((frames.length - 1) * share)] ?? 0).toFixed(1));
      const cellPx = await evaluate(`document.querySelector('[data-testid="arena-map"]').dataset.cellPx`);
      print({ name, arenas, cellPx: Number(cellPx), frames: frames.length, medianMs: at(0.5), p95Ms: at(0.95), longestMs: at(1), over34Ms: frames.filter((ms) => ms > 34).length });
    };
    const press = (key: string) => evaluate(`document.querySelector('[data-testid="arena-map"]').dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', bubbles: true, cancelable: true }))`);
    const wheel = () => send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 400, y: 400, deltaX: 0, deltaY: 120 });
    await measure('pointer over the map', 100, (index) => send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: 20 + index * 8, y: 200 }));
    await press('+');
    await press('+');
    await measure('wheel', 150, wheel);
    for (let turn = 0; turn < 4; turn++) await press('+');
    await measure('wheel', 150, wheel);
    await measure('arrow keys', 100, () => press('ArrowDown'));
    await measure('zoom in and out', 60, (index) => press(index % 8 < 4 ? '-' : '+'));
  }
  socket.close();
} finally {
  browser.kill();
  await new Promise((resolve) => (browser.exitCode === null ? browser.once('exit', resolve) : resolve(null)));
  await server.close();
  rmSync(work, { recursive: true, force: true });
}
