import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgress, describeProgress } from '#main/cli/progress.ts';
import { displayWidth, fitCells, renderTable } from '#main/cli/table.ts';

const columns = [
  { title: 'Name', align: 'left' as const, flexible: true, text: (row: [string, string]) => row[0] },
  { title: 'N', align: 'right' as const, text: (row: [string, string]) => row[1] },
];

describe('tables', () => {
  it('aligns, also wide characters', () => {
    expect(renderTable([['a', '1'], ['漢字', '1,000']], columns, null)).toBe('Name      N\n────  ─────\na         1\n漢字  1,000\n');
  });
  it('gives the name what the terminal leaves, but not nothing', () => {
    const long = 'n'.repeat(100);
    expect(renderTable([[long, '1']], columns, 40).split('\n')[2]).toHaveLength(40);
    expect(renderTable([[long, '1']], columns, 5).split('\n')[2]).toBe(`${'n'.repeat(15)}…  1`);
    expect(renderTable([[long, '1']], columns, null).split('\n')[2]!.split('  ')[0]).toHaveLength(60);
  });
  it('lets nothing of a name reach the terminal as a control', () => {
    expect(renderTable([['\u001b[2J\nx\u202e', '1']], columns, null)).toContain('␛[2J␊x\\u{202e}');
  });
  it('knows widths', () => {
    expect(['a', '漢', 'e\u0301', '🏚️'].map(displayWidth).slice(0, 3)).toEqual([1, 2, 1]);
    expect(fitCells('漢字漢字', 5)).toBe('漢字…');
  });
});

describe('progress', () => {
  function run(terminal: boolean, quiet = false) {
    let text = '';
    let now = 0;
    const stderr = new Writable({ write: (chunk, _encoding, done) => ((text += String(chunk)), done()) });
    const progress = createProgress(stderr, { terminal, quiet, now: () => now });
    return { progress, tick: (ms: number) => (now += ms), text: () => text };
  }
  const value = { phase: 'reading', done: 1024, total: 4096 };

  it('says what is done of how much', () => {
    expect(describeProgress('a.heapsnapshot', value)).toBe('a.heapsnapshot: reading 25.0 % of 4.0 KiB');
    expect(describeProgress('t', { phase: 'objects', done: 1200, total: 0, unit: 'objects' })).toBe('t: objects 1,200');
  });
  it('writes a line every few seconds to a log', () => {
    const { progress, tick, text } = run(false);
    for (let i = 0; i < 120; i++) {
      progress.update('a', value);
      tick(100);
    }
    expect(text().split('\n').length - 1).toBe(2);
    expect(text()).not.toContain('\u001b');
  });
  it('rewrites one line on a terminal and takes it away', () => {
    const { progress, tick, text } = run(true);
    tick(1000);
    progress.update('a', value);
    progress.note('done');
    expect(text()).toBe('\r\u001b[2Ka: reading 25.0 % of 4.0 KiB\r\u001b[2Kdone\n');
  });
  it('is quiet when told to', () => {
    const { progress, tick, text } = run(true, true);
    tick(1000);
    progress.update('a', value);
    progress.note('x');
    expect(text()).toBe('');
  });
});
