import type { Detector } from './detector.ts';
import { detachedDom } from './detached-dom.detector.ts';
import { duplicateStrings } from './duplicate-strings.detector.ts';
import { emptyContainers } from './empty-containers.detector.ts';
import { growingCollections } from './growing-collections.detector.ts';
import { heavyClosures } from './heavy-closures.detector.ts';
import { keptBuffers } from './kept-buffers.detector.ts';
import { keptFrames } from './kept-frames.detector.ts';
import { leakSuspects } from './leak-suspects.detector.ts';
import { listenersAndTimers } from './listeners-and-timers.detector.ts';
import { missingSlots } from './missing-slots.detector.ts';
import { oversizedCollections } from './oversized-collections.detector.ts';
import { unboundedCaches } from './unbounded-caches.detector.ts';
import { uncollectableCycles } from './uncollectable-cycles.detector.ts';

/** In order: what an earlier one names, later ones keep silent about. */
export const DETECTORS: readonly Detector[] = [
  uncollectableCycles,
  keptFrames,
  detachedDom,
  leakSuspects,
  growingCollections,
  unboundedCaches,
  oversizedCollections,
  listenersAndTimers,
  heavyClosures,
  keptBuffers,
  duplicateStrings,
  emptyContainers,
  missingSlots,
];
