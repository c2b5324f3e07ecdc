import type { AllocationFrame, SetSites, SiteGroup } from '#shared/model/heap-explore.ts';

import { allocationSites } from './allocation-sites.ts';
import { className } from './class-names.ts';
import { quiet } from './filter.ts';
import type { Heap } from './heap.ts';
import { nodeRef } from './nodes.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

export interface SiteOptions extends RunOptions {
  /** Groups wanted, default 20. */
  readonly limit?: number;
}

const STACK_FRAMES = 20;

/** Where the objects of a set were allocated, most first. O(set), and once per heap the reading of the stacks. */
export async function setSites(heap: Heap, ordinals: Uint32Array, options: SiteOptions = {}): Promise<SetSites> {
  const sites = await allocationSites(heap, options);
  const nothing = { source: heap.header.allocations, objects: ordinals.length, known: 0, unsure: false, groups: [] };
  if (!sites) return nothing;
  const unsure = unsureClasses(heap, sites.source.unsureClasses);
  let known = 0;
  let total = 0;
  let anyUnsure = false;
  const found = new Map<number, { objects: number; shallowBytes: number; samples: number; example: number; frame: AllocationFrame }>();
  await inSlices(quiet(options), 'aggregates', ordinals.length, 1 << 14, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[i]!;
      const frame = sites.site(node);
      if (!frame) continue;
      const weight = sites.weight(node);
      const number = sites.groups.of(node);
      let group = found.get(number);
      if (!group) found.set(number, (group = { objects: 0, shallowBytes: 0, samples: 0, example: node, frame }));
      group.objects += weight;
      group.shallowBytes += weight * heap.shallow[node]!;
      group.samples++;
      known++;
      total += weight;
      anyUnsure ||= unsure.has(heap.classOf[node]!);
    }
  });
  const groups = [...found]
    .sort(([, a], [, b]) => b.objects - a.objects || b.shallowBytes - a.shallowBytes)
    .slice(0, Math.max(0, options.limit ?? 20))
    .map(([number, group]): SiteGroup => ({
      site: sites.groups.names[number]!,
      frame: group.frame,
      objects: Math.round(group.objects),
      shallowBytes: Math.round(group.shallowBytes),
      samples: group.samples,
      share: total > 0 ? group.objects / total : 0,
      example: nodeRef(heap, group.example),
      stack: sites.stack(group.example).slice(0, STACK_FRAMES),
    }));
  return { ...nothing, source: sites.source, known, unsure: anyUnsure, groups };
}

/** Class indexes by name. */
export function unsureClasses(heap: Heap, names: readonly string[]): ReadonlySet<number> {
  const wanted = new Set(names);
  const found = new Set<number>();
  for (let index = 0; wanted.size > 0 && index < heap.classes.count; index++) if (wanted.has(className(heap, index))) found.add(index);
  return found;
}
