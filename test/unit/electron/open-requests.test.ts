import { describe, expect, test } from 'vitest';
import { parseArgv } from '#main/cli/parse-argv.ts';
import { applicationArguments, filesRequest, planOfSecondInstance, secondInstanceData } from '#main/electron/open-requests.ts';

describe('our arguments among Electron’s', () => {
  test.each([
    [['/opt/Heaphouse/heaphouse', 'a.heapsnapshot'], true, ['a.heapsnapshot']],
    [['/opt/Heaphouse/heaphouse', '--no-sandbox', '--attach', '12'], true, ['--no-sandbox', '--attach', '12']],
    [['electron', '/work', '--', 'node', 'x.js'], false, ['--', 'node', 'x.js']],
    [['electron', '--no-sandbox', '--remote-debugging-port=0', '/work', 'a'], false, ['a']],
    [['electron', '/work'], false, []],
    [['electron'], false, []],
  ])('%j packaged %s', (argv, packaged, own) => {
    expect(applicationArguments(argv, packaged)).toEqual(own);
  });

  test('switches of Chromium and the driver are no options of ours', () => {
    const args = applicationArguments(['heaphouse', '--no-sandbox', '--remote-debugging-port=0', '--user-data-dir=/tmp/x', 'a.heapsnapshot'], true);
    expect(parseArgv(args)).toMatchObject({ ok: true, invocation: { command: 'open', files: ['a.heapsnapshot'], launch: null } });
  });
});

describe('a second start', () => {
  const send = (args: unknown, cwd: unknown = '/tmp') => planOfSecondInstance({ args, cwd });

  test('never runs a program: it fills in the form', () => {
    expect(send(['--', 'rm', '-rf', '/'])).toEqual({ requests: [{ kind: 'prefill', command: ['rm', '-rf', '/'] }], action: null });
  });

  test('reaches into a process only after a question', () => {
    expect(send(['--attach', '42']).action).toEqual({ kind: 'attach', pid: 42 });
    expect(send(['--connect', 'ws://127.0.0.1:1/x']).action).toEqual({ kind: 'connect', url: 'ws://127.0.0.1:1/x' });
  });

  test('opens its files from its own folder', () => {
    expect(send(['a.heapsnapshot', '--original-process-start-time=1']).requests).toEqual([{ kind: 'files', paths: ['/tmp/a.heapsnapshot'] }]);
  });

  test.each([
    ['a command that is not for the window', ['record', '--', 'x']],
    ['arguments that are wrong', ['--atach', '1']],
    ['nothing', []],
  ])('%s leads to nothing', (_name, args) => {
    expect(send(args)).toEqual({ requests: [], action: null });
  });

  test.each([
    null,
    undefined,
    'text',
    42,
    [],
    {},
    { args: 'a', cwd: '/' },
    { args: [1], cwd: '/' },
    { args: ['a\0b'], cwd: '/' },
    { args: ['x'.repeat(200_000)], cwd: '/' },
    { args: Array.from({ length: 5_000 }, () => 'a'), cwd: '/' },
    { args: [], cwd: 'relative' },
    { args: [], cwd: '/a\0' },
    { args: [] },
  ])('data that we would not send is refused (%#)', (data) => {
    expect(secondInstanceData(data)).toBeNull();
    expect(planOfSecondInstance(data)).toEqual({ requests: [], action: null });
  });
});

describe('files from the system', () => {
  test('are opened, never run', () => {
    expect(filesRequest(['/a b.heapsnapshot'], '/')).toEqual([{ kind: 'files', paths: ['/a b.heapsnapshot'] }]);
  });

  test('are bounded and must be names', () => {
    expect(filesRequest(['', 'a\0b'], '/')).toEqual([]);
    expect(filesRequest(Array.from({ length: 500 }, (_, n) => `/f${n}`), '/')[0]).toMatchObject({ kind: 'files', paths: { length: 50 } });
  });
});
