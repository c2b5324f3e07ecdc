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
    isOurs: ({ at, details }) => details?.trigger === 'heaphouse' || (details?.trigger === 'explicit' && spans.some(({ from, to }) => at >= from - SLACK_MS && at <= to + SLACK_MS)),
  };
}
