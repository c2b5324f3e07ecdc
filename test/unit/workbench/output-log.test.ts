import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOutputLog } from '#main/workbench/output-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const chunk = (text: string, stream: 'stdout' | 'stderr' | 'workbench' = 'stdout') => ({ at: 1, stream, text });

it('keeps what came last, tells listeners, and writes all of it to the file', async () => {
  const path = join(dir, 'output.log');
  const log = createOutputLog(path);
  const heard: string[] = [];
  const stop = log.onChunk(({ text }) => heard.push(text));
  log.add(chunk('one\n'));
  log.add(chunk('two\n', 'stderr'));
  log.add(chunk('[note]\n', 'workbench'));
  stop();
  log.add(chunk('three\n'));
  expect(heard).toEqual(['one\n', 'two\n', '[note]\n']);
  expect(log.recent().map(({ text }) => text)).toEqual(['one\n', 'two\n', '[note]\n', 'three\n']);
  expect(log.tail(8)).toBe('e]\nthree\n'.slice(-8));
  await log.close();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n');
});

it('does not grow in memory with a flood', () => {
  const log = createOutputLog(null);
  for (let i = 0; i < 5_000; i++) log.add(chunk('x'.repeat(1_000)));
  const kept = log.recent().reduce((sum, { text }) => sum + text.length, 0);
  expect(kept).toBeLessThanOrEqual(1024 * 1024);
  expect(kept).toBeGreaterThan(1024 * 1024 - 2_000);
});

it('goes on without the file when it cannot be written', async () => {
  const path = join(dir, 'gone', 'output.log');
  const log = createOutputLog(path);
  log.add(chunk('one'));
  await new Promise((resolve) => setTimeout(resolve, 30));
  log.add(chunk('two'));
  expect(log.tail(100)).toBe('onetwo');
  expect(existsSync(path)).toBe(false);
});
