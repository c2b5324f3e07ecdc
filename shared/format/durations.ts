/** Spans of time in the largest units that matter: `180 µs`, `4.2 ms`, `1.3 s`, `2 min 5 s`, `3 h 7 min`, `2 d 4 h`. */
import { groupThousands, MINUS, UNKNOWN } from './numbers.ts';

export function formatDuration(ms: number | null | undefined): string {
  if (typeof ms !== 'number' || !Number.isFinite(ms)) return UNKNOWN;
  if (ms < 0) return MINUS + formatDuration(-ms);
  if (ms === 0) return '0 ms';
  if (ms < 0.9995) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 99.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3_600) return pair(seconds, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return pair(minutes, 60, 'h', 'min');
  return pair(Math.round(minutes / 60), 24, 'd', 'h');
}

function pair(value: number, base: number, large: string, small: string): string {
  const rest = value % base;
  const whole = `${groupThousands(Math.floor(value / base))} ${large}`;
  return rest === 0 ? whole : `${whole} ${rest} ${small}`;
}
