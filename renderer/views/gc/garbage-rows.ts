/** Cycles of garbage in words. Pure. */
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { GarbageCycle, GarbageReport } from '#shared/model/references.ts';

/** `app.Node → dict → app.Node`: the shown cycle along its references, or its types where there is none. */
export function cycleTitle(cycle: GarbageCycle): string {
  const walked = roundTrip(cycle);
  if (walked.length > 0) return walked.map((at) => visibleText(cycle.objects[at]?.type ?? '?', 80)).join(' → ');
  return cycle.types.map(({ type, objects }) => `${formatCount(objects)} ${visibleText(type, 80)}`).join(', ');
}

/** Indices of the shown objects from the first along edges back to it, the shortest way; empty where it is cut off. */
export function roundTrip({ edges }: Pick<GarbageCycle, 'edges'>): number[] {
  const from = new Map<number, number>();
  const queue = [0];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const edge of edges) {
      if (edge.from !== at) continue;
      if (edge.to === 0) return [...path(from, at), 0];
      if (!from.has(edge.to)) {
        from.set(edge.to, at);
        queue.push(edge.to);
      }
    }
  }
  return [];
}

function path(from: ReadonlyMap<number, number>, end: number): number[] {
  const found = [end];
  for (let at = end; at !== 0; ) {
    at = from.get(at) ?? 0;
    found.unshift(at);
  }
  return found;
}

/** The lines of the picture of one cycle: an object with what it refers to. */
export function cyclePicture(cycle: GarbageCycle): { at: number; type: string; text: string; refers: { name: string; to: number; type: string }[] }[] {
  return cycle.objects.map(({ type, text }, at) => ({
    at,
    type,
    text,
    refers: cycle.edges.filter((edge) => edge.from === at).map(({ name, to }) => ({ name: name || 'a reference', to, type: cycle.objects[to]?.type ?? '?' })),
  }));
}

export function matches(cycle: GarbageCycle, filter: string): boolean {
  const text = filter.trim().toLowerCase();
  if (text === '') return true;
  return [...cycle.types.map(({ type }) => type), ...cycle.edges.map(({ name }) => name), ...cycle.objects.map((one) => one.text)].some((one) => one.toLowerCase().includes(text));
}

export function receiptOf(report: GarbageReport): string {
  return report.keptByProgram
    ? 'The program has set gc.DEBUG_SAVEALL itself: what was found stays in gc.garbage.'
    : `${formatCountOf(report.objects, 'object')} were let go and collected.`;
}
