/** record and snapshot on the sample programs with a planted leak, for Node.js and Python. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli, samples } from './run-cli.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-record-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const hasPython = (() => {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Processes whose command line has the text; none may be left when the command is over. */
function processesWith(text: string): string[] {
  if (!existsSync('/proc/self/cmdline')) return [];
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

interface Report {
  headline: { className: string; objects: number; holder: string; allocatedAt: string | null };
  allocations: { className: string; known: number; sampled: boolean; sites: { functionName: string; objects: number; share: number }[] }[];
  classes: { name: string; new: { objects: number }; delta: { objects: number } }[];
}

/** The line of the sample that makes the leaked objects. */
const leakLine = readFileSync(join(samples, 'leaky.py'), 'utf8').split('\n').findIndex((line) => line.includes('_cache[number] = Session(')) + 1;

describe.each([
  { kind: 'Node.js', command: [process.execPath, join(samples, 'leaky.js')], className: 'Session', holder: /cache \(Map\)/, stacks: false, skip: false },
  { kind: 'Python', command: ['python3', join(samples, 'leaky.py')], className: '__main__.Session', holder: /^module __main__ → _cache \(dict\)$/, stacks: true, skip: !hasPython },
])('record of $kind', ({ command, className, holder, stacks, skip }) => {
  it.skipIf(skip)(`finds the planted leak, writes the session and the reports${skip ? ' (needs python3)' : ''}`, async () => {
    const out = join(dir, 'session');
    const marker = `--hold-after=${60 + Math.random()}`;
    const args = ['record', '--allocations', '32', ...(stacks ? ['--allocation-stacks'] : []), '--snapshot-at', '2,9', '--out', out, '--fail-on', `${className}:+9999`, '--', ...command, '--churn', '--leak-at', '5', marker];
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stderr).toContain(`GATE FAILED: ${className} +10,000 objects (limit +9,999)`);
    expect(stderr).toContain('truth {');
    expect(stdout).not.toContain('truth {');
    expect(stdout.split('\n')[0]).toContain(`+10,000 \`${className}\` objects`);

    const names = readdirSync(out);
    for (const name of ['session.json', 'snapshot-1.heapsnapshot', 'snapshot-2.heapsnapshot', 'comparison.json', 'comparison.csv', 'comparison.html', 'allocations-1.heapprofile']) {
      expect(names).toContain(name);
      expect(statSync(join(out, name)).mode & 0o077).toBe(0);
    }
    expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(stdout).toContain('allocations-1.heapprofile');
    const profile = JSON.parse(readFileSync(join(out, 'allocations-1.heapprofile'), 'utf8')) as { samples: unknown[]; heaphouse: { interval: number } };
    expect(profile.samples.length).toBeGreaterThan(0);
    expect(profile.heaphouse.interval).toBe(32_768);
    expect(JSON.stringify(profile)).toMatch(/leaky\.(js|py)/);
    const report = JSON.parse(readFileSync(join(out, 'comparison.json'), 'utf8')) as Report;
    expect(report.headline).toMatchObject({ className, objects: 10_000 });
    expect(report.headline.holder).toMatch(holder);
    if (stacks) {
      expect(report.headline.allocatedAt).toBe(`leaky.py:${leakLine}`);
      expect(stdout.split('\n')[0]).toContain(`each allocated at \`leaky.py:${leakLine}\``);
      expect(report.allocations[0]).toMatchObject({ className, known: 10_000, sampled: false, sites: [{ functionName: 'leak', objects: 10_000, share: 1 }] });
    } else expect(report.allocations).toEqual([]);
    expect(report.classes.find(({ name }) => name === className)).toMatchObject({ new: { objects: 10_000 }, delta: { objects: 10_000 } });
    expect(processesWith(marker)).toEqual([]);

    const again = await runCli(args);
    expect(again.code).toBe(3);
    expect(again.stderr).toContain('already holds a session');
  });
});

describe('targets that fail', () => {
  it('a command that does not exist', async () => {
    const { code, stderr } = await runCli(['record', '--out', join(dir, 's'), '--', 'no-such-program-anywhere']);
    expect(code).toBe(3);
    expect(stderr).toContain('no-such-program-anywhere');
    expect(existsSync(join(dir, 's', 'session.json'))).toBe(false);
  });

  it('a program that ends at once', async () => {
    const { code, stderr } = await runCli(['record', '--snapshot-at', '1,2', '--out', join(dir, 's'), '--', process.execPath, join(samples, 'exits_at_once.js')]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/ended after/);
    expect(stderr).toContain('0 of 2 snapshots were taken before the target ended');
  });

  it('a program that is killed between two snapshots keeps the first', async () => {
    const marker = `heaphouse-victim-${process.pid}-${Date.now()}`;
    const program = `setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5000) // ${marker}`;
    const { code, stderr, stdout } = await runCli(['record', '--snapshot-at', '1,30', '--out', join(dir, 's'), '--', process.execPath, '-e', program]);
    expect(code).toBe(3);
    expect(stderr).toContain('SIGKILL');
    expect(stderr).toContain('1 of 2 snapshots');
    expect(stdout).toContain('snapshot-1.heapsnapshot');
    expect(readdirSync(join(dir, 's'))).toContain('snapshot-1.heapsnapshot');
    expect(processesWith(marker)).toEqual([]);
  });

  it('a pid that is gone', async () => {
    const { code, stderr } = await runCli(['snapshot', '4194303', '--out', join(dir, 'x.heapsnapshot')]);
    expect(code).toBe(3);
    expect(stderr.split('\n').length).toBeGreaterThanOrEqual(2);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('an address where nobody speaks DevTools', async () => {
    const { code, stderr } = await runCli(['snapshot', 'ws://127.0.0.1:1/x', '--out', join(dir, 'x.heapsnapshot')]);
    expect(code).toBe(3);
    expect(stderr).toContain('heaphouse: ');
    expect(readdirSync(dir)).toEqual([]);
  });
});

it('Ctrl-C ends the recording and what was started, and keeps what there is', async () => {
  const marker = `heaphouse-interrupted-${process.pid}-${Date.now()}`;
  let sent = false;
  const { code, stderr } = await runCli(
    ['record', '--snapshot-at', '1,60', '--out', join(dir, 's'), '--', process.execPath, '-e', `setInterval(() => {}, 1000) // ${marker}`],
    {
      onStderr(text, child) {
        if (!sent && text.includes('snapshot 1 of 2 at')) {
          sent = true;
          child.kill('SIGINT');
        }
      },
    },
  );
  expect(stderr).toContain('heaphouse: interrupted');
  expect(code).toBe(130);
  expect(processesWith(marker)).toEqual([]);
  const names = readdirSync(join(dir, 's'));
  expect(names).toContain('snapshot-1.heapsnapshot');
  expect(names.filter((name) => name.includes('.part'))).toEqual([]);
});

it('snapshot attaches to a running Node.js, writes one file, and leaves it running', async () => {
  const target = spawn(process.execPath, ['-e', 'class Kept {}; globalThis.kept = Array.from({ length: 321 }, () => new Kept()); setInterval(() => {}, 100)'], { stdio: 'ignore' });
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const out = join(dir, 'one.heapsnapshot');
    const { code, stderr } = await runCli(['snapshot', String(target.pid), '--out', out]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(readdirSync(dir)).toEqual(['one.heapsnapshot']);
    expect(statSync(out).mode & 0o077).toBe(0);
    const { stdout } = await runCli(['summary', out, '--format', 'json']);
    const { classes } = JSON.parse(stdout) as { classes: { name: string; objects: number }[] };
    expect(classes.find(({ name }) => name === 'Kept')).toMatchObject({ objects: 321 });
    expect(target.exitCode).toBeNull();
  } finally {
    target.kill('SIGKILL');
  }
});
