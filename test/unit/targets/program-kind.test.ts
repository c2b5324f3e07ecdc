import { describe, expect, it } from 'vitest';
import { optionThatHidesAgent } from '#main/targets/launch/python.ts';
import { shebangProgram } from '#main/targets/launch/resolve-command.ts';
import { LAUNCHER_SCRIPT, programKind, requestedPort, runtimeOptions, titleOf } from '#main/targets/runtime/program-kind.ts';
import { pythonInMaps, versionInName } from '#main/targets/runtime/identify.ts';

describe('programKind', () => {
  it.each([
    ['/usr/bin/python3.11', 'python'], ['python', 'python'], ['/opt/python3.13t', 'python'], ['C:\\Python\\python.exe', 'python'],
    ['/usr/bin/node', 'node'], ['nodejs', 'node'], ['/opt/electron', 'electron'], ['google-chrome-stable', 'chromium'], ['/usr/lib/chromium/chromium', 'chromium'],
    ['/usr/bin/python3-config', null], ['/usr/bin/nodemon', null], ['bash', null], ['', null],
  ])('%s is %s', (path, kind) => expect(programKind(path)).toBe(kind));
});

describe('titleOf', () => {
  it.each([
    ['python', ['python3', '-u', '/srv/app.py', '--port', '1'], 'app.py'],
    ['python', ['python3', '-X', 'dev', '-m', 'gunicorn', 'a:b'], '-m gunicorn'],
    ['python', ['python3', '-c', 'from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)', '--multiprocessing-fork'], 'multiprocessing worker'],
    ['python', ['python3', '-c', 'from multiprocessing.resource_tracker import main;main(4)'], 'multiprocessing resource tracker'],
    ['python', ['python3', '-c', 'from multiprocessing.forkserver import main; main(9, 10)'], 'multiprocessing forkserver'],
    ['python', ['python3', '-c', 'import time;\n time.sleep(1)'], '-c import time; time.sleep(1)'],
    ['python', ['/usr/bin/python3'], 'python3'],
    ['node', ['node', '--require', 'x', '--max-old-space-size=100', '/srv/server.js'], 'server.js'],
    ['node', ['node', '-e', 'a'.repeat(99)], `-e ${'a'.repeat(39)}…`],
    ['chromium', ['/usr/lib/chromium/chromium', '--x'], 'chromium'],
    ['node', [], ''],
  ] as const)('%s %j', (kind, argv, title) => expect(titleOf(kind, argv)).toBe(title));
});

it('runtimeOptions ends at the script', () => {
  expect(runtimeOptions('node', ['node', '--inspect=0', '-r', 'a', 'app.js', '--disable-sigusr1'])).toEqual(['--inspect=0', '-r', 'a']);
  expect(runtimeOptions('python', ['python', '-W', 'ignore', '-m', 'x', '-S'])).toEqual(['-W', 'ignore', '-m']);
});

describe('requestedPort', () => {
  it.each([
    [['node', '--inspect'], 9229], [['node', '--inspect=127.0.0.1:4000', 'a.js'], 4000], [['node', '--inspect-brk=0'], 0], [['node', '--inspect-wait=[::1]:77'], 77],
    [['chromium', '--remote-debugging-port=9222'], 9222], [['node', 'a.js'], null], [['node', '--inspect-port=1'], null],
  ])('%j asks for %s', (argv, port) => expect(requestedPort(argv)).toBe(port));
});

it('optionThatHidesAgent looks only at option letters', () => {
  expect(optionThatHidesAgent(['-u', '-I'])).toBe('-I');
  expect(optionThatHidesAgent(['-uE'])).toBe('-E');
  expect(optionThatHidesAgent(['-BS'])).toBe('-S');
  expect(optionThatHidesAgent(['-WIgnore', '-XSomething', '--version', '-mSITE'])).toBeNull();
});

it('shebangProgram', () => {
  expect(shebangProgram('#!/usr/bin/env -S FOO=1 python3 -u\nx')).toBe('python3');
  expect(shebangProgram('#! /usr/bin/python3.11 -sP\n')).toBe('/usr/bin/python3.11');
  expect(shebangProgram('#!/usr/bin/env\n')).toBeNull();
  expect(shebangProgram('#!\n')).toBeNull();
});

it('LAUNCHER_SCRIPT knows package managers, not programs that sound like them', () => {
  for (const path of ['/usr/lib/node_modules/npm/bin/npm-cli.js', '/usr/bin/npx', '/x/yarn.js', 'C:\\n\\pnpm.cjs', 'corepack']) expect(LAUNCHER_SCRIPT.test(path)).toBe(true);
  for (const path of ['/srv/npm-mirror.js', '/srv/app.js', '/srv/yarn/index.js', '']) expect(LAUNCHER_SCRIPT.test(path)).toBe(false);
});

it('versions told without asking the program', () => {
  expect(versionInName('/usr/bin/python3.11')).toBe('3.11');
  expect(versionInName('/usr/bin/python3')).toBeNull();
  expect(pythonInMaps(['/lib/libc.so.6', '/x/libpython3.12.so.1.0'])).toBe('3.12');
  expect(pythonInMaps(['/x/libpython.so'])).toBeNull();
});
