import type { Confidence, Finding, FindingsReport } from '#shared/model/heap-explore.ts';

import { analyseHeap } from '../analyse.ts';
import type { Comparison } from '../compare.ts';
import { quiet } from '../filter.ts';
import type { Heap } from '../heap.ts';
import { describeHolder } from '../holders.ts';
import { nodeRef } from '../nodes.ts';
import { createPacer } from '../run.ts';
import type { RunOptions } from '../run.ts';
import { DETECTORS } from './all.ts';
import type { Detector, RawFinding } from './detector.ts';

/** What all detectors found, and the objects behind each finding by its id. */
export interface Findings {
  readonly report: FindingsReport;
  readonly objects: ReadonlyMap<string, Uint32Array>;
}

/** Findings of one detector that are shown. */
const MAX_FINDINGS = 20;
/** Objects listed behind a finding. */
const MAX_OBJECTS = 1 << 20;
const ORDER: Record<Confidence, number> = { high: 0, medium: 1, low: 2 };
/** Text of names in findings. */
const NAME_CHARS = 300;

/**
 * Runs all detectors. With a comparison, its compared heap must be `heap`. A detector that fails does not spoil the
 * others: it is listed as skipped with its message.
 */
export async function findProblems(
  heap: Heap,
  comparison: Comparison | null,
  run: RunOptions = {},
  detectors: readonly Detector[] = DETECTORS,
): Promise<Findings> {
  const analysis = await analyseHeap(heap, run);
  const pacer = createPacer(run, 'aggregates', detectors.length);
  const claimed = new Set<number>();
  const objects = new Map<string, Uint32Array>();
  const findings: Finding[] = [];
  const ran: FindingsReport['detectors'][number][] = [];
  const usable = comparison?.idsComparable === true ? comparison : null;
  for (const [index, detector] of detectors.entries()) {
    await pacer.pause(index);
    const skipped = whySkipped(detector, heap, comparison);
    if (skipped !== null) {
      ran.push({ id: detector.id, title: detector.title, found: 0, skipped });
      continue;
    }
    let raw: RawFinding[];
    try {
      raw = await detector.detect({
        heap, analysis, comparison: usable, wholeBytes: heap.shallowBytes, run: quiet(run) ?? {}, claimed,
      });
    } catch (error) {
      run.signal?.throwIfAborted();
      ran.push({ id: detector.id, title: detector.title, found: 0, skipped: `It failed: ${error instanceof Error ? error.message : String(error)}` });
      continue;
    }
    raw.sort((a, b) => b.bytes - a.bytes);
    ran.push({ id: detector.id, title: detector.title, found: raw.length, skipped: null });
    for (const found of raw.slice(0, MAX_FINDINGS)) {
      const id = `${detector.id}:${found.key}`.slice(0, 120);
      if (found.about >= 0) claimed.add(found.about);
      objects.set(id, found.ordinals.length > MAX_OBJECTS ? found.ordinals.slice(0, MAX_OBJECTS) : found.ordinals);
      findings.push({
        id,
        detector: detector.id,
        title: found.title,
        saw: found.saw,
        why: found.why,
        advice: found.advice,
        confidence: found.confidence,
        bytes: found.bytes,
        objects: found.ordinals.length,
        path: found.about >= 0 ? [...(await describeHolder(heap, found.about, quiet(run))).steps].slice(-24) : [],
        links: found.links.slice(0, 20).map(({ label, ordinal }) => ({ label, node: nodeRef(heap, ordinal, NAME_CHARS) })),
      });
    }
  }
  pacer.finish();
  findings.sort((a, b) => ORDER[a.confidence] - ORDER[b.confidence] || b.bytes - a.bytes);
  return { report: { findings, detectors: ran }, objects };
}

function whySkipped(detector: Detector, heap: Heap, comparison: Comparison | null): string | null {
  if (detector.only && detector.only !== heap.producer) return detector.only === 'v8' ? 'Only for V8' : 'Only for Python';
  if (!detector.needsBase) return null;
  if (!comparison) return 'Needs an earlier snapshot of the same process';
  return comparison.idsComparable ? null : 'The objects of the two snapshots cannot be matched';
}
