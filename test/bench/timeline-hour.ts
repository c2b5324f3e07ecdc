/** An hour of samples and 100,000 collections on the timeline: frame times while zooming and moving the pointer. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRecording } from '#main/storage/recording.ts';
import { writeSessionFile } from '#main/storage/session-file.ts';
import { testId } from '../e2e/driver/app-driver.ts';
import { createChromiumHost } from '../e2e/driver/chromium-host.ts';
import { createSpectronDriver } from '../e2e/driver/spectron-driver.ts';

const SAMPLES = 36_000;
const COLLECTIONS = 100_000;
const EVERY_MS = 100;

const data = mkdtempSync(join(tmpdir(), 'heaphouse-bench-'));
const dir = join(data, 'sessions', 'hour');
mkdirSync(dir, { recursive: true });
const start = Date.now() - SAMPLES * EVERY_MS;
await writeSessionFile(dir, {
  format: 'heaphouse-session',
  version: 2,
  id: 's-hour',
  title: 'an hour',
  createdAt: start,
  target: { kind: 'python', pid: 1, title: 'an hour', commandLine: 'python hour.py', cwd: null, runtime: 'CPython 3.11.7', launched: true, startedAt: start },
  exit: null,
  snapshots: [],
  receipts: [],
  comparisons: [],
  notes: '',
  ignoredRetainers: [],
});
const recording = openRecording(dir);
for (let i = 0; i < SAMPLES; i++) {
  const wave = Math.sin(i / 900) * 20e6 + (i % 97) * 1e4;
  recording.addSample({ at: start + i * EVERY_MS, rssBytes: 300e6 + wave + i * 2_000, heapUsedBytes: 120e6 + wave, heapTotalBytes: 200e6 + wave, externalBytes: 40e6 });
  if (i % 2_000 === 0) recording.flush();
}
for (let i = 0; i < COLLECTIONS; i++) {
  const generation = i % 100 === 0 ? 2 : i % 10 === 0 ? 1 : 0;
  recording.addCollection({ at: start + (i * SAMPLES * EVERY_MS) / COLLECTIONS, pauseMs: [0.2, 1.5, 24][generation], kind: `generation ${generation}`, generation, collected: i % 700, uncollectable: 0 });
  if (i % 5_000 === 0) recording.flush();
}
recording.close();

const driver = createSpectronDriver(createChromiumHost({ env: { HEAPHOUSE_DATA_DIR: data } }));
try {
  await driver.start();
  await driver.resize(1_440, 900);
  await driver.waitFor(testId('recent-session'), { timeoutMs: 20_000 });
  await driver.click(testId('recent-session'));
  await driver.waitFor(testId('timeline-view'), { timeoutMs: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await driver.evaluate(`(() => {
    window.frames_ = [];
    let last = 0;
    requestAnimationFrame(function turn(at) { if (last) window.frames_.push(at - last); last = at; requestAnimationFrame(turn); });
  })()`);
  const surface = `document.querySelector('[data-testid="timeline-view"] canvas')`;
  await measure('moving the pointer', 120, (i) => `{ const box = c.getBoundingClientRect(); c.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX: box.left + 80 + ${i} * 6, clientY: box.top + 120 })); }`);
  await measure('zooming in and out', 60, (i) => `{ const box = c.getBoundingClientRect(); c.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, deltaY: ${i} < 30 ? -120 : 120, clientX: box.left + 500, clientY: box.top + 120 })); }`);
  await driver.screenshot('bench-timeline-hour');

  async function measure(name: string, steps: number, code: (step: number) => string): Promise<void> {
    await driver.evaluate(`(window.frames_.length = 0, true)`);
    for (let i = 0; i < steps; i++) {
      await driver.evaluate(`(() => { const c = ${surface}; ${code(i)} return true; })()`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const frames = (await driver.evaluate<number[]>('window.frames_.slice()')).sort((a, b) => a - b);
    const at = (share: number) => (frames[Math.min(frames.length - 1, Math.floor(frames.length * share))] ?? 0).toFixed(1);
    process.stdout.write(`${name.padEnd(22)} frames ${String(frames.length).padStart(4)}  median ${at(0.5)} ms  p95 ${at(0.95)} ms  longest ${at(1)} ms\n`);
  }
} finally {
  await driver.stop();
  rmSync(data, { recursive: true, force: true });
}
