/** What a snapshot will cost, to be said before a target is stopped for it. */
export interface Between {
  low: number;
  high: number;
}

export interface SnapshotEstimate {
  /** `last-snapshot`: measured at the last one of this target; `typical`: what other programs took. */
  basis: 'last-snapshot' | 'typical';
  /**
   * What is probably alive: between the least that was in use lately and what is in use now, of which a part may be
   * garbage. A snapshot has only what is alive.
   */
  heapBytes: Between;
  /** How long the target stands still; null: not to be said before the first one. */
  pauseMs: Between | null;
  fileBytes: Between | null;
  nodes: Between | null;
  /** What the target's resident memory may reach meanwhile; null: no more than now, or not known. */
  targetRssBytes: number | null;
}
