import { describe, expect, it } from 'vitest';
import { formatBytes, formatBytesDelta, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta, formatCountOf, formatCountShort } from '#shared/format/counts.ts';
import { formatAge, formatDate, formatDateTime, formatIso } from '#shared/format/dates.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { formatPercent, formatShare } from '#shared/format/percent.ts';

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1,023 B'],
    [1024, '1.0 KiB'],
    [4096, '4.0 KiB'],
    [1_572_864, '1.5 MiB'],
    [100 * 1024 - 1, '100 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [1023.4 * 1024, '1,023 KiB'],
    [312 * 1024 ** 2, '312 MiB'],
    [2.25 * 1024 ** 3, '2.3 GiB'],
    [-4096, '−4.0 KiB'],
    [Number.NaN, '–'],
    [null, '–'],
  ])('%s → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('exact and deltas', () => {
    expect(formatBytesExact(1_572_864)).toBe('1,572,864 bytes');
    expect(formatBytesExact(1)).toBe('1 byte');
    expect(formatBytesExact(null)).toBe('–');
    expect(formatBytesDelta(312 * 1024 ** 2)).toBe('+312 MiB');
    expect(formatBytesDelta(-4096)).toBe('−4.0 KiB');
    expect(formatBytesDelta(0)).toBe('0 B');
  });
});

describe('counts', () => {
  it.each([
    [48_210, '48,210', '+48,210', '48.2k'],
    [-3, '−3', '−3', '−3'],
    [0, '0', '0', '0'],
    [999, '999', '+999', '999'],
    [999_600, '999,600', '+999,600', '1.0M'],
    [1_234_567, '1,234,567', '+1,234,567', '1.2M'],
  ])('%s', (count, plain, delta, short) => {
    expect([formatCount(count), formatCountDelta(count), formatCountShort(count)]).toEqual([plain, delta, short]);
  });

  it('names what it counts', () => {
    expect(formatCountOf(1, 'object')).toBe('1 object');
    expect(formatCountOf(2, 'class', 'classes')).toBe('2 classes');
  });
});

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [0.18, '180 µs'],
    [0.0001, '1 µs'],
    [4.2, '4.2 ms'],
    [99.96, '100 ms'],
    [999.4, '999 ms'],
    [1_300, '1.3 s'],
    [59_970, '1 min'],
    [125_000, '2 min 5 s'],
    [11_220_000, '3 h 7 min'],
    [187_200_000, '2 d 4 h'],
    [-20, '−20.0 ms'],
  ])('%s → %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('percent', () => {
  it.each([
    [0, '0 %'],
    [0.1234, '12.3 %'],
    [0.0001, '< 0.1 %'],
    [1, '100 %'],
    [-0.05, '−5.0 %'],
    [12, '1,200 %'],
  ])('%s → %s', (fraction, text) => expect(formatPercent(fraction)).toBe(text));
  it('has no share of nothing', () => expect(formatShare(1, 0)).toBe('–'));
});

describe('dates', () => {
  const at = new Date(2026, 2, 1, 14, 5, 9).getTime();
  it('are local and sortable', () => {
    expect(formatDateTime(at)).toBe('2026-03-01 14:05:09');
    expect(formatIso(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(formatIso(Number.NaN)).toBe('');
    expect(formatDateTime(null)).toBe('–');
  });
  it.each([
    [1_000, 'just now'],
    [42_000, '42 s ago'],
    [5 * 60_000, '5 min ago'],
    [3 * 3_600_000, '3 h ago'],
    [30 * 3_600_000, 'yesterday'],
    [6 * 86_400_000, '6 d ago'],
  ])('%s ms back: %s', (age, text) => expect(formatAge(at, at + age)).toBe(text));
  it('shows the date when it is long ago or ahead', () => {
    expect(formatAge(at, at + 30 * 86_400_000)).toBe(formatDate(at));
    expect(formatAge(at, at - 3_600_000)).toBe(formatDateTime(at));
  });
});
