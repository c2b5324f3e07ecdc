/**
 * Memory over time of one session (scope: the session id). The host keeps every sample and collection; a query is
 * down-sampled there so that the smallest and the largest value of every step survive.
 */
import * as v from 'valibot';
import { defineService, event, method } from '../rpc/define-service.ts';
import { count, empty, epochMs } from './common.ts';

export type SeriesName = 'rssBytes' | 'heapUsedBytes' | 'heapTotalBytes' | 'externalBytes';

export interface TimelineWindow {
  /** Whole recording, epoch ms; equal when there is nothing yet. */
  firstAt: number;
  lastAt: number;
  /** Points of the window asked for, ascending; the same length as each series. */
  at: number[];
  series: Record<SeriesName, (number | null)[]>;
  gc: {
    at: number[];
    /** The longest pause where several collections share one step. */
    pauseMs: number[];
    kind: string[];
    generation: number[];
    collected: (number | null)[];
    /** How many collections this mark stands for. */
    count: number[];
  };
  marks: { at: number; kind: 'snapshot' | 'mark' | 'exit' | 'attach' | 'detach'; label: string }[];
  /** Of the window asked for. Collections of hours ago may stand for several (they are counted with all of them). */
  totals: { samples: number; collections: number; totalPauseMs: number; longestPauseMs: number };
  /** False: these are all samples, nothing was left out. */
  downSampled: boolean;
}

export const timelineContract = defineService('timeline', {
  methods: {
    window: method<TimelineWindow>()(
      v.object({
        /** Default: everything. */
        fromAt: v.optional(epochMs),
        toAt: v.optional(epochMs),
        /** At most this many points a series (10 to 20,000). */
        maxPoints: v.pipe(count, v.minValue(10), v.maxValue(20_000)),
      }),
    ),
  },
  events: {
    /** New data is there; at most 4 times a second. */
    appended: event<{ lastAt: number; samples: number; collections: number }>()(empty),
  },
});
