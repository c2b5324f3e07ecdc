/** An object in the living target. All texts come from it: bounded here, made visible by the view. */

export const MAX_LIVE_PROPERTIES = 500;
export const MAX_LIVE_TEXT = 500;

export interface LiveProperty {
  readonly name: string;
  /** The value in words; for a getter what it is, never its result. */
  readonly text: string;
  /** `string`, `number`, `object`, `function`, `getter`, … */
  readonly kind: string;
}

export interface LiveObject {
  readonly className: string;
  readonly description: string;
  readonly properties: readonly LiveProperty[];
  /** There are more than these. */
  readonly cut: boolean;
}

export interface LivePin {
  /** `$hh1` in JavaScript, `_hh1` in the `__main__` module of Python. */
  readonly name: string;
  readonly heapId: number;
  /** Of the snapshot it was pinned from: says whose id that is. */
  readonly idEpoch: string | null;
  readonly className: string;
}

/** Whether stacks of allocations are recorded: since when (epoch ms), or null. */
export interface AllocationStacks {
  readonly since: number | null;
}
