/** Holders and paths as one line of text. */
import type { HolderStep } from '#shared/model/heap.ts';

/** `global → _cache (Map) → [*] (Session) → user (string)` */
export function pathText(steps: readonly HolderStep[]): string {
  return steps.map(({ edge, node }) => (edge === '' ? node : node === '' ? edge : `${edge} (${node.replace(/^\((.*)\)$/, '$1')})`)).join(' → ');
}

/** The holder; where another group of the list has the same one, the whole path, so that the two can be told apart. */
export function groupLabel(group: { holder: string; steps: readonly HolderStep[] }, all: readonly { holder: string }[]): string {
  const alike = all.filter((other) => other.holder === group.holder);
  return alike.length > 1 ? pathText(group.steps) : group.holder;
}
