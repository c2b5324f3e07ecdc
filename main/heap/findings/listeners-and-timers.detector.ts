import { className } from '../class-names.ts';
import { EDGE_KIND } from '../heap.ts';
import { edgeName, rawNodeName } from '../node-names.ts';
import { inSlices } from '../run.ts';
import { nodesOfClasses } from './below.ts';
import { isClaimedBelow } from './claimed.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, named, percent } from './words.ts';

const TIMERS_V8 = /^(Timeout|Immediate)$/;
const TIMERS_PYTHON = /^(threading\.Timer|asyncio\.events\.TimerHandle|_asyncio\.TimerHandle|sched\.Event)$/;
/** A timer whose callback keeps this share of the heap. */
const TIMER_SHARE = 0.05;
const TIMER_BYTES = 1 << 20;
/** Node.js warns from 11 listeners of one event on; this many are beyond any intention. */
const LISTENERS = 100;
const MAX_EVENTS = 2_000;

export const listenersAndTimers: Detector = {
  id: 'listeners-and-timers',
  title: 'Listeners and timers that hold much',
  async detect(context) {
    const { heap, analysis, wholeBytes, run } = context;
    const names = (index: number): string => className(heap, index, 80);
    const isTimer = heap.producer === 'cpython' ? TIMERS_PYTHON : TIMERS_V8;
    const findings: RawFinding[] = [];
    for (const node of nodesOfClasses(heap, (name) => isTimer.test(name), names)) {
      const held = analysis.retained[node]!;
      if (!isWorthwhile(held, context, TIMER_SHARE, TIMER_BYTES) || isClaimedBelow(context, node)) continue;
      findings.push({
        key: String(heap.nodeId[node]),
        title: `A ${named(heap, node)} keeps ${bytes(held)} alive`,
        saw: `A timer that has not fired for the last time keeps ${bytes(held)} (${percent(held, wholeBytes)}) alive through its callback.`,
        why: 'As long as a timer is active, everything its callback can see stays, also when nobody needs its effect any more.',
        advice: 'Cancel the timer when its owner ends (clearInterval, Timer.cancel), or let the callback refer to its owner weakly.',
        confidence: 'low',
        bytes: held,
        about: node,
        links: [{ label: 'Timer', ordinal: node }],
        ordinals: Uint32Array.of(node),
      });
    }
    if (heap.producer !== 'v8') return findings;
    const { firstEdge, edgeTo, edgeKind, kinds } = heap;
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 13, (from, to) => {
      for (let emitter = from; emitter < to; emitter++) {
        if (heap.nodeKind[emitter] !== kinds.object) continue;
        for (let edge = firstEdge[emitter]!; edge < firstEdge[emitter + 1]!; edge++) {
          if ((edgeKind[edge]! & EDGE_KIND) !== kinds.edgeProperty || edgeName(heap, edge, 8) !== '_events') continue;
          for (const found of longLists(edgeTo[edge]!)) findings.push(listenersFinding(emitter, found));
          break;
        }
      }
    });
    return findings;

    function longLists(events: number): { event: string; list: number; count: number }[] {
      const found: { event: string; list: number; count: number }[] = [];
      const end = Math.min(firstEdge[events + 1]!, firstEdge[events]! + MAX_EVENTS);
      for (let edge = firstEdge[events]!; edge < end; edge++) {
        const list = edgeTo[edge]!;
        if ((edgeKind[edge]! & EDGE_KIND) !== kinds.edgeProperty || rawNodeName(heap, list, 8) !== 'Array') continue;
        let count = 0;
        for (let at = firstEdge[list]!; at < firstEdge[list + 1]!; at++) {
          if ((edgeKind[at]! & EDGE_KIND) === kinds.edgeElement && heap.nodeKind[edgeTo[at]!] === kinds.closure) count++;
        }
        if (count >= LISTENERS) found.push({ event: edgeName(heap, edge, 80), list, count });
      }
      return found;
    }

    function listenersFinding(emitter: number, { event, list, count }: { event: string; list: number; count: number }): RawFinding {
      const held = analysis.retained[list]!;
      const listeners = Array.from({ length: firstEdge[list + 1]! - firstEdge[list]! }, (_, i) => edgeTo[firstEdge[list]! + i]!);
      return {
        key: `${heap.nodeId[emitter]}-${event.slice(0, 60)}`,
        title: `${named(heap, emitter)} has ${amount(count)} listeners for “${event}”`,
        saw: `${amount(count)} functions listen to the event “${event}” of one ${named(heap, emitter)}; they keep ${bytes(held)} alive.`,
        why: 'Listeners that are added again and again (per request, per component) and never removed keep all they close over.',
        advice: 'Remove each listener when what added it ends (removeListener, AbortSignal), or use once().',
        confidence: 'high',
        bytes: held,
        about: list,
        links: [{ label: 'Emitter', ordinal: emitter }, { label: 'Listeners', ordinal: list }],
        ordinals: Uint32Array.from(new Set(listeners.filter((node) => heap.nodeKind[node] === kinds.closure))).sort(),
      };
    }
  },
};
