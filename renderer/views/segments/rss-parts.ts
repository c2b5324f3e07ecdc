/** Resident memory as a sum: colours of the parts, and whether the sum holds. */
import type { RssBreakdown, RssPart } from '#shared/model/memory.ts';
import type { BarPart } from '../memory/StackedBar.vue';

const GROUPS: Record<RssPart['group'], { label: string; colour: string }> = {
  objects: { label: 'Objects', colour: '--cat-0' },
  'allocator-free': { label: 'Free, held by an allocator', colour: '--cat-6' },
  native: { label: 'Native memory', colour: '--cat-2' },
  'code-and-files': { label: 'Code and files', colour: '--cat-1' },
  stacks: { label: 'Stacks', colour: '--cat-7' },
  unexplained: { label: 'Not explained', colour: '--cat-9' },
};

export const groupLabel = (group: RssPart['group']): string => GROUPS[group].label;

/** Parts of one group share a hue; each is a step lighter than the one before. */
export function rssBarParts(parts: readonly RssPart[]): BarPart[] {
  const seen = new Map<string, number>();
  return parts.map(({ id, label, bytes, group }) => {
    const step = seen.get(group) ?? 0;
    seen.set(group, step + 1);
    const base = `var(${GROUPS[group].colour})`;
    return { id, label, bytes, colour: step === 0 ? base : `color-mix(in srgb, ${base} ${Math.max(30, 100 - step * 24)}%, var(--surface-0))`, striped: group === 'unexplained' };
  });
}

/** What the parts miss of the whole: 0 when they add up. */
export function missingBytes({ rssBytes, parts }: RssBreakdown): number {
  return rssBytes - parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function unexplainedShare({ rssBytes, parts }: RssBreakdown): number {
  const bytes = parts.filter(({ group }) => group === 'unexplained').reduce((sum, part) => sum + part.bytes, 0);
  return rssBytes > 0 ? Math.abs(bytes) / rssBytes : 0;
}
