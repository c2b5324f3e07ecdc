/** A set or filter of the model as the contract's parameters take it (arrays of their own). */
import type { ObjectFilter, ObjectSet } from '#shared/model/heap-explore.ts';

export function sentSet(set: ObjectSet) {
  return set.by === 'ordinals' ? { by: set.by, ordinals: [...set.ordinals] } : set;
}

export function sentFilter({ kinds, ...filter }: ObjectFilter) {
  return kinds ? { ...filter, kinds: [...kinds] } : filter;
}
