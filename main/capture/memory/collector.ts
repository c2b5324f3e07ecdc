/** The collector of an interpreter in words, and what changed in its settings. Pure. */
import type { GcSettings } from '#shared/model/memory.ts';
import { asRecord, booleanField, countField } from '../../cdp/read-field.ts';

/** `runtime`: `CPython 3.14.2`. By patch version: 3.14.0 to 3.14.4 had another collector than 3.14.5 and all others. */
export function describeCollector(runtime: string): string | null {
  const match = /^CPython (\d+)\.(\d+)\.(\d+)/.exec(runtime);
  if (!match) return null;
  const [minor, patch] = [Number(match[2]), Number(match[3])];
  if (minor === 14 && patch <= 4) {
    return 'Incremental: a young generation, and old objects looked at in small steps. “Generation 1” is one step, “generation 2” a full collection.';
  }
  return 'Three generations: most objects die young, so the young are looked at often and the old only when their number has grown by a quarter.';
}

export function readGcSettings(answer: unknown): GcSettings | null {
  const list = (field: string): number[] | null => {
    const found = asRecord(answer)[field];
    return Array.isArray(found) && found.length <= 9 && found.every((n) => typeof n === 'number') ? (found as number[]) : null;
  };
  const enabled = booleanField(answer, 'enabled');
  const thresholds = list('thresholds');
  const counts = list('counts');
  if (enabled === null || !thresholds || !counts) return null;
  return { enabled, thresholds, counts, frozen: countField(answer, 'frozen') ?? 0, debugFlags: countField(answer, 'debugFlags') ?? 0, uncollectable: countField(answer, 'garbage') };
}

/** One sentence for each thing that differs. */
export function settingsChanges(before: GcSettings, after: GcSettings): string[] {
  const changes: string[] = [];
  if (before.enabled !== after.enabled) changes.push(after.enabled ? 'The program enabled the collector.' : 'The program disabled the collector: cycles stay until it collects itself.');
  if (before.thresholds.join() !== after.thresholds.join()) changes.push(`The program changed the thresholds: ${before.thresholds.join(', ')} → ${after.thresholds.join(', ')}.`);
  if (before.frozen !== after.frozen) changes.push(after.frozen > 0 ? `gc.freeze(): ${after.frozen} objects are put aside and never looked at.` : 'gc.unfreeze(): objects that were put aside are looked at again.');
  if (before.debugFlags !== after.debugFlags) changes.push(`The program changed the debug flags of the collector: ${before.debugFlags} → ${after.debugFlags}.`);
  return changes;
}
