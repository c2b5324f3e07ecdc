import type { Detector } from './detector.ts';
import { leakSuspects } from './leak-suspects.detector.ts';

/** In order: what an earlier one names, later ones keep silent about. */
export const DETECTORS: readonly Detector[] = [leakSuspects];
