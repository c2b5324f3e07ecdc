import { describe, expect, it } from 'vitest';
import { checkGate, classMatches, parseGate } from '#main/cli/gates.ts';
import type { Amounts } from '#main/export/report-model.ts';

const amount = (objects: number, shallowBytes = 0, retainedBytes = shallowBytes) => ({ objects, shallowBytes, retainedBytes });
const totals = { delta: amount(500, 3 * 1024 ** 2) } as Amounts;

describe('grammar', () => {
  it.each([
    ['Request:+1000', 'Request', 'objects', 1000],
    ['Request:+1_000', 'Request', 'objects', 1000],
    ['__main__.Session:+0', '__main__.Session', 'objects', 0],
    ['Buffer:+5MiB', 'Buffer', 'bytes', 5 * 1024 ** 2],
    ['Buffer:+1.5 KiB', 'Buffer', 'bytes', 1536],
    ['Buffer:+2MB', 'Buffer', 'bytes', 2_000_000],
    ['Buffer:+12B', 'Buffer', 'bytes', 12],
    ['a::b:+3', 'a::b', 'objects', 3],
    ['*:+20MiB', '*', 'bytes', 20 * 1024 ** 2],
    ['(array):+1', '(array)', 'objects', 1],
  ])('%s', (text, name, measure, limit) => expect(parseGate(text)).toEqual({ text, name, measure, limit }));

  it.each(['', 'Request', 'Request:', 'Request:1000', 'Request:+', 'Request:-5', 'Request:+x', ':+5', ' :+5', 'R:+1.5', 'R:+5 elephants', 'R:+1e9', `R:+${'9'.repeat(400)}`])(
    'refuses %j',
    (text) => expect(parseGate(text)).toBeNull(),
  );
});

it.each([
  ['app.handlers.Request', 'app.handlers.Request', true],
  ['app.handlers.Request', 'Request', true],
  ['app.handlers.Request', 'handlers.Request', true],
  ['app.handlers.Request', 'quest', false],
  ['system / Context', 'Context', true],
  ['Request', 'Request', true],
  ['Request', 'request', false],
  ['Requests', 'Request', false],
])('%s goes by %s: %s', (className, name, expected) => expect(classMatches(className, name)).toBe(expected));

describe('verdicts', () => {
  const classes = [
    { name: 'a.Request', delta: amount(900, 10, 1024) },
    { name: 'b.Request', delta: amount(200, 10, 1024) },
    { name: 'Shrunk', delta: amount(-5, -100) },
  ];
  const check = (text: string) => checkGate(parseGate(text)!, classes, totals);

  it.each([
    ['Request:+1099', false, 1100],
    ['Request:+1100', true, 1100],
    ['a.Request:+899', false, 900],
    ['Request:+2KiB', true, 2048],
    ['Request:+2047B', false, 2048],
    ['Shrunk:+0', true, -5],
    ['Missing:+0', true, 0],
    ['*:+499', false, 500],
    ['*:+3MiB', true, 3 * 1024 ** 2],
  ])('%s', (text, passed, growth) => expect(check(text)).toMatchObject({ passed, growth }));

  it('says what it saw', () => {
    expect(check('Request:+1000').line).toBe('GATE FAILED: Request +1,100 objects (limit +1,000)');
    expect(check('Shrunk:+0').line).toBe('gate passed: Shrunk −5 objects (limit +0)');
    expect(check('Missing:+0').line).toBe('gate passed: no class "Missing" in either snapshot (limit +0)');
    expect(check('Request:+1KiB').line).toBe('GATE FAILED: Request +2.0 KiB retained (limit +1.0 KiB)');
  });
});
