/** `heaphouse session`: what lies on disk, through the command line as a user has it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSessionFile } from '#main/storage/session-file.ts';
import { runCli } from './run-cli.ts';

let dir: string;
const before = process.env['HEAPHOUSE_DATA_DIR'];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-cli-session-'));
  process.env['HEAPHOUSE_DATA_DIR'] = dir;
  const session = join(dir, 'sessions', 'first');
  mkdirSync(session, { recursive: true });
  await writeSessionFile(session, { format: 'heaphouse-session', version: 2, id: 's-1', title: 'The \u001b[31mfirst', createdAt: 1_767_268_800_000, target: null, exit: null, snapshots: [], receipts: [], comparisons: [], notes: 'kept', ignoredRetainers: [] });
  writeFileSync(join(session, 'output.log'), 'printed');
});
afterEach(() => {
  if (before === undefined) delete process.env['HEAPHOUSE_DATA_DIR'];
  else process.env['HEAPHOUSE_DATA_DIR'] = before;
  rmSync(dir, { recursive: true, force: true });
});

describe('heaphouse session', () => {
  it('list, export, import, rename, delete', async () => {
    const table = await runCli(['session', 'list']);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toContain('first');
    // A title may come from a program: no control characters reach the terminal.
    expect(table.stdout).not.toContain('\u001b');

    const archive = join(dir, 'out.heaphouse');
    expect(await runCli(['session', 'export', 'first', '--out', archive])).toMatchObject({ code: 0 });
    expect((await runCli(['session', 'export', 'first', '--out', archive])).stderr).toContain('exists already');
    const imported = await runCli(['session', 'import', archive]);
    expect(imported.code).toBe(0);
    const copy = imported.stdout.trim();
    expect(copy).toContain(join(dir, 'sessions'));
    expect(readdirSync(copy).sort()).toEqual(['output.log', 'session.json']);

    expect(await runCli(['session', 'rename', copy, 'The second'])).toMatchObject({ code: 0 });
    const json = JSON.parse((await runCli(['session', 'list', '--format', 'json'])).stdout) as { sessions: { title: string; notes: string }[] };
    expect(json.sessions.map(({ title }) => title).sort()).toEqual(['The \u001b[31mfirst', 'The second']);
    expect(json.sessions.every(({ notes }) => notes === 'kept')).toBe(true);

    const asked = await runCli(['session', 'delete', 'first']);
    expect(asked).toMatchObject({ code: 2 });
    expect(asked.stderr).toContain('--yes');
    expect(existsSync(join(dir, 'sessions', 'first', 'session.json'))).toBe(true);
    expect(await runCli(['session', 'delete', 'first', '--yes'])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(dir, 'sessions', 'first'))).toBe(false);
  });

  it.each([
    [['session'], 2, /say what to do/],
    [['session', 'burn'], 2, /"burn" is not one of/],
    [['session', 'export'], 2, /SESSION is missing/],
    [['session', 'list', '--yes'], 2, /no option --yes/],
    [['session', 'export', 'nothing'], 3, /no session nothing/],
    [['session', 'delete', '/', '--yes'], 3, /holds no session/],
    [['session', 'import', '/dev/null'], 3, /not a session archive/],
  ])('%j', async (args, code, message) => {
    const run = await runCli(args);
    expect(run).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});
