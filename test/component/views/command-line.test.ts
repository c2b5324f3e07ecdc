import { describe, expect, test } from 'vitest';
import { joinCommandLine, splitCommandLine, withInterpreter } from '#renderer/views/start/command-line.ts';
import { environmentOf } from '#renderer/views/start/environment.ts';
import { checkAddress } from '#renderer/views/start/address.ts';

describe('command line', () => {
  test.each<[string, string[]]>([
    ['python app.py --port 8000', ['python', 'app.py', '--port', '8000']],
    ['  python   app.py ', ['python', 'app.py']],
    [`python -c 'print("a b")'`, ['python', '-c', 'print("a b")']],
    [String.raw`echo "a \"quoted\" \$word \n" b\ c`, ['echo', String.raw`a "quoted" $word \n`, 'b c']],
    [`run '' "" x''y`, ['run', '', '', 'xy']],
    [`a'b'"c"d`, ['abcd']],
    ['one\\\n two', ['one', 'two']],
    ['', []],
  ])('%s', (text, tokens) => expect(splitCommandLine(text)).toMatchObject({ tokens, error: null }));

  test('what is not closed is an error', () => {
    expect(splitCommandLine("python 'app").error).toMatch(/'/);
    expect(splitCommandLine('python "app').error).toMatch(/"/);
    expect(splitCommandLine('python \\').error).toMatch(/backslash/);
  });

  test('shell syntax is not run and the user is told', () => {
    expect(splitCommandLine('a | b').warning).toContain('|');
    expect(splitCommandLine('echo $HOME').warning).toContain('$');
    expect(splitCommandLine('FOO=1 python a.py').warning).toMatch(/environment/);
    expect(splitCommandLine(`grep 'a|b' x`).warning).toBeNull();
  });

  test.each([[['a b', '', "it's", '$x', 'plain-1.py']], [['日本', '"', '\\', '\n']]])('joining is the inverse of splitting: %j', (tokens) => {
    expect(splitCommandLine(joinCommandLine(tokens)).tokens).toEqual(tokens);
  });

  test('an interpreter takes the place of another', () => {
    expect(withInterpreter('python3.9 app.py -x', '/usr/bin/python3.11')).toBe('/usr/bin/python3.11 app.py -x');
    expect(withInterpreter('app.py', '/usr/bin/node')).toBe('/usr/bin/node app.py');
    expect(withInterpreter('', '/opt/my python/bin/python')).toBe("'/opt/my python/bin/python' ");
  });
});

describe('environment', () => {
  const row = (name: string, value = '', remove = false) => ({ name, value, remove });
  test('sets and removes', () => {
    expect(environmentOf([row('A', '1'), row('B', 'x', true), row('')])).toEqual({ env: { A: '1', B: null }, error: null });
  });
  test('says what is wrong', () => {
    expect(environmentOf([row('A=B')]).error).toMatch(/=/);
    expect(environmentOf([row('A'), row('A')]).error).toMatch(/twice/);
    expect(environmentOf([row('', 'x')]).error).toMatch(/no name/);
  });
});

describe('address', () => {
  test.each([
    ['ws://127.0.0.1:9229/abc', false],
    ['http://localhost:9222', false],
    ['[::1]:9229', false],
    ['9229', false],
    ['example.org:9229', true],
    ['http://127.0.0.1.example.org:1', true],
    ['http://2130706433:9222', false],
  ])('%s', (text, remote) => expect(checkAddress(text)?.remote).toBe(remote));
  test.each(['', 'ftp://x', 'http://', 'javascript:alert(1)'])('%s is none', (text) => expect(checkAddress(text)).toBeNull());
});
