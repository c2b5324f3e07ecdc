/** summary, retainers and compare on real V8 snapshots, on hostile ones, and on what is no snapshot. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli as runInProcess } from '#main/cli/main.ts';
import { comparisonPair, HOSTILE_NAMES } from '#test/fixtures/comparison-pair.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';
import { runCli } from './run-cli.ts';

const COUNT = 2_000;
const PROGRAM = `
  const v8 = require('node:v8');
  class Session { constructor(i) { this.user = 'user-' + i; this.payload = new Array(50).fill(i); } }
  globalThis._cache = new Map();
  v8.writeHeapSnapshot(process.argv[1]);
  for (let i = 0; i < ${COUNT}; i++) _cache.set('k' + i, new Session(i));
  v8.writeHeapSnapshot(process.argv[2]);
`;

let dir: string;
let base: string;
let compared: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-cli-'));
  base = join(dir, 'base.heapsnapshot');
  compared = join(dir, 'compared.heapsnapshot');
  execFileSync(process.execPath, ['-e', PROGRAM, base, compared]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('summary', () => {
  it('lists the classes as JSON, all of them', async () => {
    const { code, stdout, stderr } = await runCli(['summary', compared, '--format', 'json', '-q']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout) as { totals: { objects: number; classes: number }; classes: { name: string; objects: number; retainedBytes: number }[] };
    expect(document).toMatchObject({ schema: 'heaphouse.summary', version: 1, producer: 'v8', cuts: [] });
    expect(document.classes).toHaveLength(document.totals.classes);
    const session = document.classes.find(({ name }) => name === 'Session')!;
    expect(session.objects).toBe(COUNT);
    expect(session.retainedBytes).toBeGreaterThan(COUNT * 400);
    const retained = document.classes.map(({ retainedBytes }) => retainedBytes);
    expect(retained).toEqual([...retained].sort((a, b) => b - a));
  });

  it('prints a table with the rows that are wanted', async () => {
    const { stdout } = await runCli(['summary', compared, '--top', '3']);
    const lines = stdout.trim().split('\n');
    expect(lines[2]).toMatch(/^Class +Objects +Own size +Retained +of all$/);
    expect(lines).toHaveLength(8);
    expect(lines.at(-1)).toMatch(/^… and [\d,]+ more classes$/);
  });
});

describe('query', () => {
  const COUNTS = "SELECT class, count(*) AS n FROM nodes WHERE class IN ('Session', 'no such') GROUP BY class";

  it('answers as a table, as CSV and as JSON', async () => {
    const table = await runCli(['query', compared, COUNTS, '-q']);
    expect({ code: table.code, stderr: table.stderr }).toEqual({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(/^class +n\n.*\nSession +2,000\n$/);
    expect((await runCli(['query', compared, COUNTS, '--csv', '-q'])).stdout).toBe(`class,n\r\nSession,${COUNT}\r\n`);
    expect(JSON.parse((await runCli(['query', compared, COUNTS, '--json', '-q'])).stdout)).toEqual([{ class: 'Session', n: COUNT }]);
  });

  it('compares with an earlier snapshot, from a statement in a file', async () => {
    const file = join(dir, 'new.sql');
    writeFileSync(file, "SELECT (SELECT count(*) FROM nodes WHERE is_new AND class = 'Session') AS now, (SELECT count(*) FROM base.nodes WHERE class = 'Session') AS before");
    const { stdout } = await runCli(['query', compared, '--base', base, '-f', file, '--json', '-q']);
    expect(JSON.parse(stdout)).toEqual([{ now: COUNT, before: 0 }]);
  });

  it('says what is cut, and what is wrong with the place', async () => {
    const cut = await runCli(['query', compared, 'SELECT node FROM nodes', '--limit', '3', '--csv', '-q']);
    expect(cut.stdout.trim().split('\r\n')).toHaveLength(4);
    expect(cut.stderr).toContain('the first 3 rows; there are more');
    const wrong = await runCli(['query', compared, 'SELECT nmae FROM nodes', '-q']);
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toMatch(/"nmae" not found[\s\S]*LINE 1: SELECT nmae FROM nodes\n +\^/);
  });
});

describe('retainers', () => {
  it('gives paths from the root and holders', async () => {
    const { code, stdout } = await runCli(['retainers', compared, '--class', 'Session', '--top', '2', '--format', 'json']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as { objects: { paths: { edge: string; node: string }[][] }[]; holders: { holder: string; objects: number }[] };
    expect(document).toMatchObject({ schema: 'heaphouse.retainers', version: 1, classes: ['Session'], totals: { objects: COUNT } });
    expect(document.objects).toHaveLength(2);
    const path = document.objects[0]!.paths[0]!;
    expect(path[0]).toMatchObject({ edge: '', node: '(root)' });
    expect(path.map(({ edge }) => edge)).toContain('_cache');
    expect(path.at(-1)!.node).toBe('Session');
    expect(document.holders[0]).toMatchObject({ objects: COUNT, holder: expect.stringContaining('_cache (Map)') as string });
  });

  it('suggests names for a class that is not there', async () => {
    const { code, stderr } = await runCli(['retainers', compared, '--class', 'sess']);
    expect(code).toBe(3);
    expect(stderr).toContain('There is no class "sess"');
    expect(stderr).toContain('Session');
  });
});

describe('compare', () => {
  it('says what grew and what holds it, exactly', async () => {
    const { code, stdout } = await runCli(['compare', base, compared]);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(/^\+2,000 `Session` objects, \+[\d.,]+ [KM]iB retained, held by `global.* → _cache \(Map\)`\.$/);
  });

  it.each([
    [['--fail-on', 'Session:+1999'], 1, 'GATE FAILED: Session +2,000 objects (limit +1,999)'],
    [['--fail-on', 'Session:+2000'], 0, 'gate passed'],
    [['--fail-on', 'Session:+2000', '--fail-on', '*:+1KiB'], 1, 'GATE FAILED: all objects'],
    [['--fail-on', 'Session:+100KiB', '-q'], 1, 'GATE FAILED'],
    [['--fail-on', 'Elsewhere:+0'], 0, 'no class "Elsewhere"'],
  ])('gate %j exits with %i', async (args, code, line) => {
    const result = await runCli(['compare', base, compared, ...args]);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(line);
  });

  it('writes files that are private, and the same to standard output', async () => {
    for (const format of ['json', 'csv', 'html', 'txt']) {
      const out = join(dir, `report.${format}`);
      const { code, stdout } = await runCli(['compare', base, compared, '--out', out]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(statSync(out).mode & 0o777).toBe(0o600);
    }
    const { code, stdout, stderr } = await runCli(['compare', base, compared, '--format', 'csv', '-q']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(readFileSync(join(dir, 'report.csv'), 'utf8'));
    const document = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as { classes: { name: string }[]; headline: { objects: number } };
    expect(document.classes[0]).toMatchObject({ name: 'Session', new: { objects: COUNT }, dead: { objects: 0 }, survived: { objects: 0 } });
    expect(document.headline.objects).toBe(COUNT);
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('lets no hostile name do anything on a terminal or in a file', async () => {
    const pair = comparisonPair({ sessions: 2, extraNames: HOSTILE_NAMES });
    const table = await runCli(['compare', pair.base, pair.compared, '--top', '100']);
    expect(table.code).toBe(0);
    expect(table.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e\u200b]/);
    const csv = await runCli(['compare', pair.base, pair.compared, '--format', 'csv']);
    expect(csv.stdout).not.toMatch(/(^|,)"?\s*[=@]/m);
    const html = await runCli(['compare', pair.base, pair.compared, '--format', 'html']);
    expect(html.stdout.match(/<script/g)).toHaveLength(1);
    const json = await runCli(['compare', pair.base, pair.compared, '--format', 'json', '--no-values']);
    expect(JSON.parse(json.stdout)).toMatchObject({ valuesIncluded: false });
    expect(json.stdout).not.toContain('user-secret');
    const summary = await runCli(['summary', pair.compared, '--top', '100']);
    expect(summary.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e\u200b]/);
  });
});

describe('bad files', () => {
  const cases: [string, () => string, RegExp][] = [
    ['missing', () => join(dir, 'nowhere.heapsnapshot'), /does not exist/],
    ['a folder', () => dir, /folder/],
    ['empty', () => write('empty', ''), /empty|no bytes/i],
    ['truncated', () => write('cut', readFileSync(compared).subarray(0, 700_000)), /at byte [\d,]+/],
    ['not JSON', () => write('text', 'hello'), /begins with/],
    ['another JSON', () => write('trace', '{"traceEvents":[]}'), /no "snapshot" section/],
    ['of a version nobody knows', () => write('version', '{"snapshot":{"meta":{"node_fields":["a"],"node_types":[],"edge_fields":[],"edge_types":[]},"node_count":0,"edge_count":0},"nodes":[],"edges":[],"strings":[]}'), /./],
  ];
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(dir, `bad-${name}.heapsnapshot`);
    writeFileSync(path, content);
    return path;
  };

  it.each(cases)('%s: exit 3, says which file and what to do', async (_name, make, message) => {
    const path = make();
    const results = await Promise.all([runCli(['summary', path]), runCli(['compare', base, path])]);
    for (const { code, stdout, stderr } of results) {
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain(path);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(stderr.trim().split('\n').length).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('surroundings', () => {
  it('usage errors exit with 2 and a hint', async () => {
    const { code, stderr, stdout } = await runCli(['compare', 'only-one']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('heaphouse: COMPARED is missing.\nTry: heaphouse compare --help\n');
  });

  it('help and version go to standard output', async () => {
    expect((await runCli(['compare', '--help'])).stdout).toContain('--fail-on');
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('ends quietly when the reader leaves', async () => {
    const { code, stderr } = await runCli(['compare', base, compared, '--format', 'json', '-q', '--fail-on', 'Session:+1'], {
      during: (child) => child.stdout!.destroy(),
    });
    expect(stderr.trim()).toBe('GATE FAILED: Session +2,000 objects (limit +1)');
    expect(code).toBe(1);
  });

  it.skipIf(!existsSync('/dev/full'))('says so when the disk is full (needs /dev/full)', async () => {
    const piped = await runCli(['summary', compared, '--format', 'json'], { stdoutTo: '/dev/full' });
    expect(piped.code).toBe(3);
    expect(piped.stderr).toContain('the disk is full');
    const out = await runCli(['compare', base, compared, '--format', 'html', '--out', '/dev/full']);
    expect(out.code).toBe(3);
    expect(out.stderr).toContain('the disk is full');
  });

  it('stops on Ctrl-C with 130 and leaves no half file', async () => {
    const large = largeSnapshot({ nodes: 500_000, shape: 'double list' });
    let interrupt: () => void = () => undefined;
    let stderr = '';
    const sink = (take: (text: string) => void) => new Writable({ write: (chunk, _encoding, done) => (take(String(chunk)), done()) });
    const running = runInProcess(['compare', large, large, '--out', join(dir, 'never.json')], {
      stdout: sink(() => undefined),
      stderr: sink((text) => (stderr += text)),
      stdoutColumns: null,
      stderrIsTerminal: false,
      cwd: dir,
      env: {},
      onInterrupt(listener) {
        interrupt = () => listener('SIGINT');
        return () => undefined;
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const at = performance.now();
    interrupt();
    expect(await running).toBe(130);
    expect(performance.now() - at).toBeLessThan(2_000);
    expect(stderr).toBe('heaphouse: interrupted\n');
    expect(readdirSync(dir).filter((name) => name.includes('never'))).toEqual([]);
  });
});
