import { expect, it } from 'vitest';
import { createClockOffset } from '#main/capture/clock-offset.ts';

it('uses the report that came fastest, and follows a clock that drifts away', () => {
  let now = 1_000_000;
  const clock = createClockOffset(() => now);
  // The target's clock is 900,000 ms behind ours; this report took 40 ms.
  expect(clock.toEpochMs(99_960, 99_960)).toBe(1_000_000);
  now += 1_000;
  // This one took 1 ms: the same moment is now known better.
  expect(clock.toEpochMs(100_999, 99_960)).toBe(999_961);
  now += 1_000;
  expect(clock.toEpochMs(101_900, 99_960)).toBe(999_961);
  now += 10 * 60_000;
  // After a long time only new reports count: the target's clock has lost 500 ms.
  expect(clock.toEpochMs(101_999 + 10 * 60_000 - 500, 1_000)).toBe(now - (101_999 + 10 * 60_000 - 500) + 1_000);
});
