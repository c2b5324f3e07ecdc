/**
 * Where the user is, as data. Every view has an address: `toHash` and `fromHash` are inverse, an unknown or broken
 * address reads as the start page. Objects are addressed by heap id, which survives reopening the file.
 */
import type { ComparisonSide } from '#shared/model/heap.ts';

/** What the main table of a snapshot shows at its top level. */
export type SnapshotFocus = { kind: 'classes' } | { kind: 'search'; text: string } | { kind: 'object'; id: number };

export const OBJECT_PANES = ['paths', 'retainers', 'details', 'holders'] as const;
export type ObjectPane = (typeof OBJECT_PANES)[number];

export interface SnapshotNav {
  view: 'snapshot';
  sessionId: string;
  snapshotId: string;
  focus: SnapshotFocus;
  filter: string;
  /** Heap id of the selected object. */
  object: number | null;
  pane: ObjectPane;
}

export interface CompareNav {
  view: 'compare';
  sessionId: string;
  /** Null: the view picks the last two snapshots. */
  baseId: string | null;
  comparedId: string | null;
  filter: string;
  /** Name of the selected class. */
  className: string | null;
  side: ComparisonSide;
  pane: ObjectPane;
}

export type NavState =
  | { view: 'start' }
  | { view: 'timeline'; sessionId: string }
  | { view: 'output'; sessionId: string }
  | SnapshotNav
  | CompareNav;

export function snapshotNav(sessionId: string, snapshotId: string, more: Partial<SnapshotNav> = {}): SnapshotNav {
  return { view: 'snapshot', sessionId, snapshotId, focus: { kind: 'classes' }, filter: '', object: null, pane: 'paths', ...more };
}

export function compareNav(sessionId: string, more: Partial<CompareNav> = {}): CompareNav {
  return { view: 'compare', sessionId, baseId: null, comparedId: null, filter: '', className: null, side: 'new', pane: 'paths', ...more };
}

export function sessionIdOf(nav: NavState): string | null {
  return nav.view === 'start' ? null : nav.sessionId;
}

/** `#/session/abc/snapshot/s1?find=Request&object=123`. */
export function toHash(nav: NavState): string {
  switch (nav.view) {
    case 'start':
      return '#/start';
    case 'timeline':
    case 'output':
      return `#/session/${encode(nav.sessionId)}/${nav.view}`;
    case 'snapshot': {
      const query = new URLSearchParams();
      if (nav.focus.kind === 'search') query.set('find', nav.focus.text);
      if (nav.focus.kind === 'object') query.set('root', String(nav.focus.id));
      if (nav.filter) query.set('filter', nav.filter);
      if (nav.object !== null) query.set('object', String(nav.object));
      if (nav.pane !== 'paths') query.set('pane', nav.pane);
      return withQuery(`#/session/${encode(nav.sessionId)}/snapshot/${encode(nav.snapshotId)}`, query);
    }
    case 'compare': {
      const query = new URLSearchParams();
      if (nav.filter) query.set('filter', nav.filter);
      if (nav.className !== null) query.set('class', nav.className);
      if (nav.side !== 'new') query.set('side', nav.side);
      if (nav.pane !== 'paths') query.set('pane', nav.pane);
      const pair = nav.baseId !== null && nav.comparedId !== null ? `/${encode(nav.baseId)}/${encode(nav.comparedId)}` : '';
      return withQuery(`#/session/${encode(nav.sessionId)}/compare${pair}`, query);
    }
  }
}

const MAX_HASH_CHARS = 8_192;

export function fromHash(hash: string): NavState {
  const start: NavState = { view: 'start' };
  if (hash.length > MAX_HASH_CHARS) return start;
  const [path = '', search = ''] = splitOnce(hash.replace(/^#/, ''), '?');
  const parts = path.split('/').filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  if (parts[0] !== 'session' || !parts[1]) return start;
  const sessionId = parts[1];
  switch (parts[2]) {
    case 'timeline':
    case 'output':
      return { view: parts[2], sessionId };
    case 'snapshot':
      if (!parts[3]) return start;
      return snapshotNav(sessionId, parts[3], {
        focus: focusFrom(query),
        filter: query.get('filter') ?? '',
        object: heapId(query.get('object')),
        pane: paneFrom(query),
      });
    case 'compare':
      return compareNav(sessionId, {
        baseId: parts[3] && parts[4] ? parts[3] : null,
        comparedId: parts[3] && parts[4] ? parts[4] : null,
        filter: query.get('filter') ?? '',
        className: query.get('class'),
        side: sideFrom(query.get('side')),
        pane: paneFrom(query),
      });
    default:
      return start;
  }
}

function focusFrom(query: URLSearchParams): SnapshotFocus {
  const find = query.get('find');
  if (find) return { kind: 'search', text: find };
  const root = heapId(query.get('root'));
  return root === null ? { kind: 'classes' } : { kind: 'object', id: root };
}

function paneFrom(query: URLSearchParams): ObjectPane {
  return OBJECT_PANES.find((pane) => pane === query.get('pane')) ?? 'paths';
}

function sideFrom(text: string | null): ComparisonSide {
  return text === 'dead' || text === 'survived' ? text : 'new';
}

function heapId(text: string | null): number | null {
  if (text === null || !/^\d{1,16}$/.test(text)) return null;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : null;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function encode(part: string): string {
  return encodeURIComponent(part);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
