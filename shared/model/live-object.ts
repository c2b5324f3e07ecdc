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

/** Whether the stack of every allocation is recorded, so that snapshots tell where each object came from. */
export interface AllocationStacks {
  /** Epoch ms; null: nothing is recorded. */
  readonly since: number | null;
  /** Recording can be ended before detaching: true for Python, false for V8. */
  readonly canStop: boolean;
  /** Memory it keeps in the target, where that is known. */
  readonly tableBytes: number | null;
  /** Allocations without a stack, for want of room. */
  readonly dropped: number;
  /** Why the next snapshot will have no stacks after all; null when it will. */
  readonly problem: string | null;
}
