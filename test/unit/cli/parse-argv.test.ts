import { describe, expect, it } from 'vitest';
import { parseArgv } from '#main/cli/parse-argv.ts';
import { COMMANDS } from '#main/cli/invocation.ts';
import { helpText } from '#main/cli/help.ts';

const parse = (line: string) => parseArgv(line === '' ? [] : line.split(' '));
const nothing = { files: [], attachPid: null, connectUrl: null, launch: null, port: null, pythonMalloc: null, preload: null };

describe('what is understood', () => {
  it.each([
    ['', { command: 'open', ...nothing }],
    ['a.heapsnapshot b.heapsnapshot', { command: 'open', ...nothing, files: ['a.heapsnapshot', 'b.heapsnapshot'] }],
    ['--attach 4242', { command: 'open', ...nothing, attachPid: 4242 }],
    ['--attach=4242', { command: 'open', ...nothing, attachPid: 4242 }],
    ['--connect ws://127.0.0.1:9229/x', { command: 'open', ...nothing, connectUrl: 'ws://127.0.0.1:9229/x' }],
    ['-- python app.py --out x --help', { command: 'open', ...nothing, launch: ['python', 'app.py', '--out', 'x', '--help'] }],
    ['--pythonmalloc malloc --preload jemalloc -- python app.py', { command: 'open', ...nothing, launch: ['python', 'app.py'], pythonMalloc: 'malloc', preload: 'jemalloc' }],
    ['-- summary', { command: 'open', ...nothing, launch: ['summary'] }],
    ['./summary', { command: 'open', ...nothing, files: ['./summary'] }],
    ['serve', { command: 'serve', ...nothing }],
    ['serve --port 0', { command: 'serve', ...nothing, port: 0 }],
    ['serve --port 8080 -- node x.js', { command: 'serve', ...nothing, port: 8080, launch: ['node', 'x.js'] }],
    ['help', { command: 'help', topic: null }],
    ['help compare', { command: 'help', topic: 'compare' }],
    ['compare --help', { command: 'help', topic: 'compare' }],
    ['-h', { command: 'help', topic: null }],
    ['--version', { command: 'version' }],
    ['summary x', { command: 'summary', file: 'x', top: null, format: 'table', quiet: false }],
    ['summary --top 5 x --format json -q', { command: 'summary', file: 'x', top: 5, format: 'json', quiet: true }],
    ['snapshot 12 --out f', { command: 'snapshot', target: { pid: 12 }, out: 'f', quiet: false }],
    ['snapshot ws://localhost:1/a -o f', { command: 'snapshot', target: { url: 'ws://localhost:1/a' }, out: 'f', quiet: false }],
    [
      'query x select --base y --csv --limit 5 -q',
      { command: 'query', file: 'x', base: 'y', sql: 'select', sqlFile: null, format: 'csv', limit: 5, quiet: true },
    ],
    [
      'query x -f q.sql',
      { command: 'query', file: 'x', base: null, sql: null, sqlFile: 'q.sql', format: 'table', limit: 10_000, quiet: false },
    ],
    [
      'retainers x --class __main__.Session',
      { command: 'retainers', file: 'x', className: '__main__.Session', top: 10, paths: 3, format: 'table', quiet: false },
    ],
    [
      'compare a b --fail-on R:+1 --fail-on *:+2MiB --out r.html --no-values',
      {
        command: 'compare', base: 'a', compared: 'b', format: 'html', out: 'r.html', failOn: ['R:+1', '*:+2MiB'], top: 20,
        includeValues: false, quiet: false,
      },
    ],
  ])('%s', (line, invocation) => expect(parse(line)).toEqual({ ok: true, invocation }));

  it.each([
    ['record -- node x.js', [3, 12], 15],
    ['record --duration 10 -- node x.js', [2, 8], 10],
    ['record --snapshot-at 12,3 -- node x.js', [3, 12], 12],
    ['record --snapshot-at 0.5,1 --duration 2 --attach 7', [0.5, 1], 2],
  ])('%s', (line, snapshotAtSeconds, durationSeconds) => {
    const parsed = parse(line);
    expect(parsed).toMatchObject({ ok: true, invocation: { command: 'record', snapshotAtSeconds, durationSeconds } });
  });

  it.each([
    ['record --attach 7', null],
    ['record --allocations --attach 7', 131_072],
    ['record --attach 7 --allocations', 131_072],
    ['record --allocations -- node x.js', 131_072],
    ['record --allocations 32 --attach 7', 32_768],
    ['record --allocations=8 -- node 5', 8_192],
  ])('%s: samples allocations or not', (line, allocationsBytes) => {
    expect(parse(line)).toMatchObject({ ok: true, invocation: { command: 'record', allocationsBytes } });
  });

  it('records the stacks of all allocations when asked', () => {
    expect(parse('record --allocation-stacks --attach 7')).toMatchObject({ ok: true, invocation: { allocationStacks: true, allocationsBytes: null } });
    expect(parse('record --attach 7')).toMatchObject({ ok: true, invocation: { allocationStacks: false } });
  });

  it('takes the ending of --out as the format', () => {
    for (const [out, format] of [['a.json', 'json'], ['a.CSV', 'csv'], ['a.htm', 'html'], ['a.txt', 'table']]) {
      expect(parse(`compare x y --out ${out}`)).toMatchObject({ ok: true, invocation: { format } });
    }
    expect(parse('compare x y --out a.bin --format json')).toMatchObject({ ok: true, invocation: { format: 'json' } });
  });

  it('passes over switches of Chromium, Electron and Node.js, before and after the command', () => {
    const line = '--no-sandbox --type=renderer --remote-debugging-port=0 --inspect=127.0.0.1:9229 summary --disable-gpu x --user-data-dir=/tmp/x';
    expect(parse(line)).toMatchObject({ ok: true, invocation: { command: 'summary', file: 'x' } });
    expect(parse('--original-process-start-time=1 --allow-file-access-from-files a.heapsnapshot')).toMatchObject({
      ok: true,
      invocation: { command: 'open', files: ['a.heapsnapshot'] },
    });
    expect(parse('-- node --no-sandbox --inspect x.js')).toMatchObject({
      ok: true,
      invocation: { launch: ['node', '--no-sandbox', '--inspect', 'x.js'] },
    });
  });
});

describe('what is refused', () => {
  it.each([
    ['--bogus', 'no option --bogus'],
    ['--preload jemalloc --attach 12', '--preload is for a program that is started'],
    ['--pythonmalloc A=B -- python x.py', 'not a value of PYTHONMALLOC'],
    ['compare a b --formt json', 'Did you mean --format?'],
    ['sumary x.heapsnapshot --top 3', 'no option --top'],
    ['sumary', 'Did you mean summary?'],
    ['summary', 'FILE is missing'],
    ['summary a b', '"b" is one argument too many'],
    ['summary a --format csv', 'not one of table, json'],
    ['summary a --top 0', 'whole number'],
    ['summary a --top', 'needs a value'],
    ['summary a --top 3 --top 4', 'given twice'],
    ['summary a --quiet=yes', 'takes no value'],
    ['summary a -- b', 'takes no command'],
    ['compare a', 'COMPARED is missing'],
    ['compare a b --out x.bin', 'give --format'],
    ['compare a b --fail-on Request', 'is not NAME:+N'],
    ['compare a b --fail-on Request:1000', 'is not NAME:+N'],
    ['retainers f', '--class NAME is missing'],
    ['query f', 'STATEMENT'],
    ['query f x --json --csv', 'only one of'],
    ['query f x --limit 0', 'whole number'],
    ['snapshot', 'PID or ws://… address is missing'],
    ['snapshot 1', '--out FILE is missing'],
    ['snapshot foo --out x', 'neither a process id'],
    ['snapshot 99999999 --out x', 'not a process id'],
    ['record', 'say what to record'],
    ['record node x.js', 'A command goes after --'],
    ['record --attach 1 -- node x.js', 'only one of'],
    ['record --attach 0', 'not a process id'],
    ['record --connect nonsense', 'not a ws://'],
    ['record --connect file:///etc/passwd', 'not a ws://'],
    ['record --snapshot-at 3,x -- a', 'not a number of seconds'],
    ['record --snapshot-at 20 --duration 15 -- a', 'lies after the end'],
    ['record --duration 0 -- a', 'more than 0'],
    ['record --allocations 0 -- a', 'not a whole number'],
    ['record --allocations=x -- a', 'not a whole number'],
    ['record --allocations= -- a', 'needs a value'],
    ['record --allocations 1 --allocations 2 -- a', 'given twice'],
    ['record --snapshot-at 1 --fail-on A:+1 -- a', 'at least two snapshots'],
    ['record --', 'no command after --'],
    ['serve --port 70000', 'whole number from 0 to 65535'],
    ['serve --port x', 'whole number'],
    ['help nonsense', 'no command "nonsense"'],
  ])('%s', (line, message) => {
    const parsed = parse(line);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? '' : parsed.message).toContain(message);
  });

  it('does not break on odd arguments', () => {
    for (const argv of [[''], ['--'], ['-'], ['--='], ['--out='], ['\0'], ['--', ''], ['record', '--snapshot-at', ',', '--', 'a']]) {
      expect(() => parseArgv(argv)).not.toThrow();
    }
  });
});

it('has help for every command, naming each of its options', () => {
  for (const command of COMMANDS) expect(helpText(command)).toContain(command === 'open' ? 'heaphouse [FILES' : `heaphouse ${command}`);
  expect(helpText('compare')).toContain('--fail-on');
});
