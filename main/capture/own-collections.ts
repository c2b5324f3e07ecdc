/** Tells collections that we caused (collect now, snapshots) from those the program asked for. */
import type { GcEvent } from '#shared/model/target.ts';

export interface OwnCollections {
  /** Something that makes the target collect begins; call the result when it is over. */
  begin(): () => void;
  isOurs(event: GcEvent): boolean;
}

const KEPT_SPANS = 16;
/** The target's clock is known to about this much. */
const SLACK_MS = 20;

export function createOwnCollections(now: () => number = Date.now): OwnCollections {
  const spans: { from: number; to: number }[] = [];
  return {
    begin() {
      const span = { from: now(), to: Infinity };
      spans.push(span);
      if (spans.length > KEPT_SPANS) spans.shift();
      return () => {
        span.to = now();
      };
    },
    isOurs({ at, generation, details }) {
      if (details?.trigger === 'heaphouse') return true;
      // CPython's collections say themselves who asked; V8's say so only for `gc()`, not for a debugger's request.
      if (details?.counts || generation < 2) return false;
      return spans.some(({ from, to }) => at >= from - SLACK_MS && at <= to + SLACK_MS);
    },
  };
}
