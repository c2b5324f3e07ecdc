/** How a target ended and what that usually is: code and signal, its last words, its memory, its control group. */
import type { CgroupMemory, ExitInfo, MemorySample, TargetKind } from '#shared/model/target.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { explainExit } from './exit-meaning.ts';

export interface ExitFacts {
  code: number | null;
  signal: string | null;
  kind: TargetKind;
  lastSample: MemorySample | null;
  /** Read after the end. */
  cgroup: CgroupMemory | null;
  /** Read at the start: only what grew since then says something about this target. */
  cgroupAtStart?: CgroupMemory | null;
  /** The end of what it printed, both streams. */
  lastOutput?: string;
  /** The user ended it here. */
  endedHere?: boolean;
  /** Epoch ms; default now. */
  at?: number;
}

/** The last reading or the peak of the group this near to the limit counts as near. */
const NEAR_LIMIT = 0.95;

export function diagnoseExit(facts: ExitFacts): ExitInfo {
  const meaning = explainExit(facts.code, facts.signal);
  if (facts.endedHere && ['SIGTERM', 'SIGKILL'].includes(meaning.signal ?? '')) {
    const how = meaning.signal === 'SIGKILL' ? 'It was ended from Heaphouse: it did not end within the time it was given, so it was killed.' : 'It was ended from Heaphouse.';
    return { at: facts.at ?? Date.now(), code: facts.code, signal: facts.signal, headline: meaning.headline, explanation: how, likelyOutOfMemory: false, lastSample: facts.lastSample, cgroup: facts.cgroup };
  }
  const sentences = [meaning.explanation];
  const evidence = memoryEvidence(facts, meaning.signal);
  sentences.push(...evidence.sentences);
  return {
    at: facts.at ?? Date.now(),
    code: facts.code,
    signal: facts.signal,
    headline: meaning.headline,
    explanation: sentences.join(' '),
    likelyOutOfMemory: evidence.likely,
    lastSample: facts.lastSample,
    cgroup: facts.cgroup,
  };
}

function memoryEvidence(facts: ExitFacts, signal: string | null): { likely: boolean; sentences: string[] } {
  const ownWords = lastWords(facts.kind, facts.lastOutput ?? '', facts.code, signal);
  if (ownWords !== null) return { likely: true, sentences: [ownWords] };
  if (signal !== 'SIGKILL') return { likely: false, sentences: [] };

  const { cgroup, cgroupAtStart, lastSample } = facts;
  const rss = lastSample?.rssBytes ?? null;
  const last = rss === null ? [] : [`Its resident memory was ${formatBytes(rss)} at the last reading.`];
  const kills = growth(cgroup?.oomKillCount, cgroupAtStart?.oomKillCount);
  const limit = cgroup?.limitBytes ?? null;
  const limitText = limit === null ? '' : ` (limit ${formatBytes(limit)})`;
  if (kills !== null && kills > 0) {
    // oom_kill counts victims of any kind of OOM killer in the group, so it may have been a neighbour.
    const who = kills === 1 ? 'one process' : `${kills} processes`;
    return { likely: true, sentences: [...last, `Its control group${limitText} counts ${who} killed for lack of memory since the start: very likely this one.`] };
  }
  if (limit !== null && rss !== null && rss >= limit * NEAR_LIMIT) {
    return { likely: true, sentences: [...last, `That is at the limit of its control group, ${formatBytes(limit)}, so it was probably killed for lack of memory.`] };
  }
  // The start's peak is older than the target: a group that had been full before says nothing.
  const peak = cgroup?.peakBytes ?? null;
  const peakAtStart = cgroupAtStart?.peakBytes ?? null;
  if (limit !== null && peak !== null && peak >= limit * NEAR_LIMIT && (peakAtStart === null || peak > peakAtStart)) {
    return { likely: true, sentences: [...last, `Its control group reached ${formatBytes(peak)} of ${formatBytes(limit)}, so it was probably killed for lack of memory.`] };
  }
  if (kills === 0) {
    return { likely: false, sentences: [...last, `Its control group${limitText} counts no kill for lack of memory since the start, so somebody sent the signal, or the whole machine ran short (the kernel log tells: journalctl -k).`] };
  }
  return { likely: false, sentences: [...last, 'There is no evidence either way that memory ran out; the kernel log tells (journalctl -k).'] };
}

/** Null unless both are known. */
function growth(now: number | null | undefined, before: number | null | undefined): number | null {
  return typeof now === 'number' && typeof before === 'number' ? Math.max(0, now - before) : null;
}

/** What runtimes print when they run out of memory themselves. Only where the exit fits: programs also print this and go on. */
function lastWords(kind: TargetKind, output: string, code: number | null, signal: string | null): string | null {
  const failed = signal !== null || (code !== null && code !== 0);
  if (!failed) return null;
  const tail = output.slice(-4_000);
  if (kind !== 'python') {
    const heap = /FATAL ERROR: .{0,200}?(?:JavaScript heap out of memory|Allocation failed)/.exec(tail);
    if (heap) {
      return 'Its last output says that the JavaScript heap reached its limit (--max-old-space-size raises it; a leak only reaches it later).';
    }
    if (/OOM error in V8|out of memory in V8/i.test(tail)) return 'Its last output says that V8 could not get memory.';
  }
  if (kind === 'python' && code === 1 && /^(?:\w+\.)*MemoryError\b|^(?:[\w.]*\.)?_ArrayMemoryError\b/m.test(tail.split('\n').slice(-6).join('\n'))) {
    return 'Its last output is a MemoryError: the system refused memory, usually because of a limit (ulimit -v, RLIMIT_AS) or one very large request.';
  }
  return null;
}
