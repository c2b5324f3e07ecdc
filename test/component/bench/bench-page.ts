/** A component alone on a page in Chromium, for benches: built by Vite, driven over DevTools, its frames counted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { build, preview } from 'vite';
import { WebSocket } from 'ws';
import { findChromium } from '../../e2e/driver/browser-path.ts';
import { startDebugged } from '../../e2e/driver/devtools-port.ts';

const SWITCHES = ['--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--window-size=1440,900', 'about:blank'];
/** Somewhat longer than a frame at 60 Hz lasts, as a wheel turns. */
const STEP_MS = 14;
/** Frames of 60 Hz are 16.7 ms apart; a browser without a screen misses that by a little. */
const MISSED_FRAME_MS = 34;
const LONG_FRAME_MS = 50;

/** Processor time of the page's main thread, and the parts of it that have a name; the rest is painting and the browser's own. */
interface Work {
  workMs: number;
  scriptMs: number;
  styleMs: number;
  layoutMs: number;
}

/** Work is per frame: what a busy machine does not stretch. */
export interface FrameTimes extends Work {
  frames: number;
  /** Frames divided by the time they took. */
  perSecond: number;
  medianMs: number;
  p95Ms: number;
  longestMs: number;
  /** Frames that took the time of two and more. */
  missed: number;
  over50Ms: number;
}

export interface BenchPage {
  /** Opens `query` (with its question mark, or empty) and waits for a title that begins with `drawn`; returns the title. */
  show(query?: string): Promise<string>;
  evaluate(expression: string): Promise<unknown>;
  wheel(deltaY: number): Promise<unknown>;
  pointer(x: number, y: number): Promise<unknown>;
  key(key: string, code: number): Promise<unknown>;
  /** Drags from one point to others with the button held. */
  mouse(type: 'mousePressed' | 'mouseMoved' | 'mouseReleased', x: number, y: number): Promise<unknown>;
  frames(steps: number, step: (index: number) => Promise<unknown>): Promise<FrameTimes>;
  screenshot(): Promise<Buffer>;
  close(): Promise<void>;
}

/** `html`: a file of this folder. */
export async function openBenchPage(html: string): Promise<BenchPage> {
  const chromium = findChromium();
  if (chromium.missing !== undefined) throw new Error(chromium.missing);
  const work = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
  const config = { root: import.meta.dirname, configFile: false as const, logLevel: 'error' as const, build: { outDir: join(work, 'page'), emptyOutDir: true, rollupOptions: { input: join(import.meta.dirname, html) }, target: 'esnext' } };
  await build({ ...config, base: './', plugins: [vue()] });
  const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
  const url = `${server.resolvedUrls?.local[0] ?? ''}${html}`;
  const browser = await startDebugged(chromium.path, SWITCHES);
  const targets = (await (await fetch(`http://${browser.debuggerAddress}/json/list`)).json()) as { type: string; webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(targets.find(({ type }) => type === 'page')?.webSocketDebuggerUrl ?? '');
  await new Promise((resolve) => socket.once('open', resolve));

  let nextId = 0;
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as { id?: number; result?: Record<string, unknown> };
    if (message.id === undefined) return;
    waiting.get(message.id)?.(message.result ?? {});
    waiting.delete(message.id);
  });
  const send = (method: string, params: object = {}) =>
    new Promise<Record<string, unknown>>((resolve) => {
      const id = ++nextId;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  await send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async (): Promise<Work> => {
    const { metrics } = (await send('Performance.getMetrics')) as { metrics?: { name: string; value: number }[] };
    const ms = (wanted: string) => (metrics?.find(({ name }) => name === wanted)?.value ?? 0) * 1_000;
    return { workMs: ms('TaskDuration'), scriptMs: ms('ScriptDuration'), styleMs: ms('RecalcStyleDuration'), layoutMs: ms('LayoutDuration') };
  };
  async function evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })) as { result?: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'The page threw.');
    return result?.value;
  }

  return {
    evaluate,
    async show(query = '') {
      await send('Page.navigate', { url: `${url}${query}` });
      for (let turn = 0; turn < 600; turn++) {
        await pause(100);
        const title = String(await evaluate('document.title'));
        if (!title.startsWith('drawn')) continue;
        await evaluate('window.frames_ = []; { let last = 0; requestAnimationFrame(function turn(at) { if (last) window.frames_.push(at - last); last = at; requestAnimationFrame(turn); }); }');
        return title;
      }
      throw new Error('The page drew nothing within a minute.');
    },
    wheel: (deltaY) => send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 400, y: 400, deltaX: 0, deltaY }),
    pointer: (x, y) => send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y }),
    mouse: (type, x, y) => send('Input.dispatchMouseEvent', { type, x, y, button: 'left', buttons: type === 'mouseReleased' ? 0 : 1, clickCount: 1 }),
    key: (key, code) => send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, windowsVirtualKeyCode: code }),
    async frames(steps, step) {
      await evaluate('window.frames_.length = 0');
      const before = await worked();
      for (let index = 0; index < steps; index++) {
        await step(index);
        await pause(STEP_MS);
      }
      const times = (await evaluate('window.frames_.slice()')) as number[];
      const after = await worked();
      return frameTimes(times, { workMs: after.workMs - before.workMs, scriptMs: after.scriptMs - before.scriptMs, styleMs: after.styleMs - before.styleMs, layoutMs: after.layoutMs - before.layoutMs });
    },
    async screenshot() {
      return Buffer.from((await send('Page.captureScreenshot'))['data'] as string, 'base64');
    },
    async close() {
      socket.close();
      await browser.stop();
      await server.close();
      rmSync(work, { recursive: true, force: true });
    },
  };
}

/** Of the times between frames, in ms, and of the work of all of them. */
export function frameTimes(times: readonly number[], work: Work): FrameTimes {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1));
  const perFrame = (ms: number) => Number((ms / Math.max(1, sorted.length)).toFixed(1));
  const wholeMs = sorted.reduce((sum, ms) => sum + ms, 0);
  return {
    frames: sorted.length,
    workMs: perFrame(work.workMs),
    scriptMs: perFrame(work.scriptMs),
    styleMs: perFrame(work.styleMs),
    layoutMs: perFrame(work.layoutMs),
    perSecond: Number(((sorted.length * 1_000) / Math.max(1, wholeMs)).toFixed(1)),
    medianMs: at(0.5),
    p95Ms: at(0.95),
    longestMs: at(1),
    missed: sorted.filter((ms) => ms > MISSED_FRAME_MS).length,
    over50Ms: sorted.filter((ms) => ms > LONG_FRAME_MS).length,
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function printLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
