/** Addresses of the views that show where memory is and who holds it: collector, allocators, segments, references. */
import type { NavState } from './nav-state.ts';

export const ALLOCATOR_PANES = ['pools', 'classes', 'native', 'spaces', 'history'] as const;
export type AllocatorPane = (typeof ALLOCATOR_PANES)[number];

export const SEGMENT_PANES = ['table', 'sum', 'history', 'limits'] as const;
export type SegmentPane = (typeof SEGMENT_PANES)[number];

export const REFERENCES_PANES = ['lines', 'object'] as const;
export type ReferencesPane = (typeof REFERENCES_PANES)[number];

export interface GcNav {
  view: 'gc';
  sessionId: string;
  /** Epoch ms, both or none: the part of the recording that is shown. */
  range: { fromAt: number; toAt: number } | null;
  /** Cyclic garbage in place of the table. */
  garbage?: true;
}

export interface AllocatorsNav {
  view: 'allocators';
  sessionId: string;
  /** Null: the first one that this target has. */
  pane: AllocatorPane | null;
}

export interface SegmentsNav {
  view: 'segments';
  sessionId: string;
  pane: SegmentPane;
}

export interface ReferencesNav {
  view: 'references';
  sessionId: string;
  pane: ReferencesPane;
  /** Heap id of an object of a snapshot. */
  id: number | null;
}

export const ALLOCATION_PANES = ['flame', 'lines'] as const;
export type AllocationPane = (typeof ALLOCATION_PANES)[number];

export interface AllocationsNav {
  view: 'allocations';
  sessionId: string;
  /** Name of a kept profile; null: the running one, or the last. */
  profile: string | null;
  pane: AllocationPane;
  sinceMark: boolean;
}

export type MemoryNav = GcNav | AllocatorsNav | SegmentsNav | ReferencesNav | AllocationsNav;

export const gcNav = (sessionId: string, range: GcNav['range'] = null): GcNav => ({ view: 'gc', sessionId, range });
export const garbageNav = (sessionId: string): GcNav => ({ view: 'gc', sessionId, range: null, garbage: true });
export const allocatorsNav = (sessionId: string, pane: AllocatorPane | null = null): AllocatorsNav => ({ view: 'allocators', sessionId, pane });
export const segmentsNav = (sessionId: string, pane: SegmentPane = 'table'): SegmentsNav => ({ view: 'segments', sessionId, pane });

export const referencesNav = (sessionId: string, pane: ReferencesPane = 'lines', id: number | null = null): ReferencesNav => ({ view: 'references', sessionId, pane, id: pane === 'object' ? id : null });

export function allocationsNav(sessionId: string, more: Partial<AllocationsNav> = {}): AllocationsNav {
  return { view: 'allocations', sessionId, profile: null, pane: 'flame', sinceMark: false, ...more };
}

export function isMemoryNav(nav: NavState): nav is MemoryNav {
  return nav.view === 'gc' || nav.view === 'allocators' || nav.view === 'segments' || nav.view === 'references' || nav.view === 'allocations';
}

/** The part of the address after the session: `gc?from=…&to=…`, `segments?pane=sum`. */
export function memoryPath(nav: MemoryNav): string {
  if (nav.view === 'gc' && nav.garbage) return 'gc?pane=garbage';
  if (nav.view === 'references') return nav.pane === 'lines' ? 'references' : `references?pane=object${nav.id === null ? '' : `&id=${nav.id}`}`;
  if (nav.view === 'gc') return nav.range ? `gc?from=${Math.floor(nav.range.fromAt)}&to=${Math.ceil(nav.range.toAt)}` : 'gc';
  if (nav.view === 'allocations') {
    const query = new URLSearchParams();
    if (nav.profile !== null) query.set('profile', nav.profile);
    if (nav.pane !== 'flame') query.set('pane', nav.pane);
    if (nav.sinceMark) query.set('since', 'mark');
    const text = query.toString();
    return text ? `allocations?${text}` : 'allocations';
  }
  const pane = nav.view === 'segments' && nav.pane === 'table' ? null : nav.pane;
  return pane === null ? nav.view : `${nav.view}?pane=${pane}`;
}

/** Null when `view` is none of these. */
export function memoryNavFrom(view: string | undefined, sessionId: string, query: URLSearchParams): MemoryNav | null {
  switch (view) {
    case 'gc': {
      if (query.get('pane') === 'garbage') return garbageNav(sessionId);
      const fromAt = moment(query.get('from'));
      const toAt = moment(query.get('to'));
      return gcNav(sessionId, fromAt !== null && toAt !== null && toAt > fromAt ? { fromAt, toAt } : null);
    }
    case 'allocators':
      return allocatorsNav(sessionId, ALLOCATOR_PANES.find((pane) => pane === query.get('pane')) ?? null);
    case 'references': {
      const id = query.get('id') ?? '';
      return referencesNav(sessionId, query.get('pane') === 'object' ? 'object' : 'lines', /^\d{1,15}$/.test(id) ? Number(id) : null);
    }
    case 'allocations': {
      const profile = query.get('profile');
      return allocationsNav(sessionId, {
        profile: profile !== null && /^[a-z]+-\d{1,6}\.[a-z]+$/.test(profile) ? profile : null,
        pane: ALLOCATION_PANES.find((pane) => pane === query.get('pane')) ?? 'flame',
        sinceMark: query.get('since') === 'mark',
      });
    }
    case 'segments':
      return segmentsNav(sessionId, SEGMENT_PANES.find((pane) => pane === query.get('pane')) ?? 'table');
    default:
      return null;
  }
}

function moment(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
