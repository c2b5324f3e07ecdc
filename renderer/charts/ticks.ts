/** Axis ticks at values people read easily: powers of two for bytes, clock steps for time, 1-2-5 for milliseconds. */

/** Upper end and step of a byte axis with about `wanted` steps, both multiples of 1, 2, 4, … of a power of 1024. */
export function byteTicks(low: number, high: number, wanted: number): { min: number; max: number; interval: number } {
  const span = Math.max(high - low, 1024);
  let interval = 1;
  while (interval * wanted < span) interval *= 2;
  const min = Math.floor(low / interval) * interval;
  const max = Math.max(min + interval, Math.ceil(high / interval) * interval);
  return { min, max, interval };
}

const TIME_STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
];

/** Step between time labels so that at most `most` fit. */
export function timeStep(spanMs: number, most: number): number {
  return TIME_STEPS_MS.find((step) => spanMs / step <= most) ?? 86_400_000;
}

/** Moments on the clock of this machine's time zone, `stepMs` apart, from `fromAt` to `toAt`. */
export function timeTicks(fromAt: number, toAt: number, stepMs: number): number[] {
  const offsetMs = new Date(fromAt).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((fromAt - offsetMs) / stepMs) * stepMs + offsetMs; at <= toAt && ticks.length < 200; at += stepMs) ticks.push(at);
  return ticks;
}

export function decimalTicks(high: number, wanted: number): { max: number; interval: number } {
  const rough = Math.max(high, 0.001) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const interval = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? rough;
  return { max: Math.ceil(Math.max(high, 0.001) / interval) * interval, interval };
}
