/**
 * Where the user is, as data. Every view has an address: `toHash` and `fromHash` are inverse, an unknown or broken
 * address reads as the start page. Objects are addressed by heap id, which survives reopening the file.
 */
import type { Grouping, ObjectSet, StringOrder } from '#shared/model/heap-explore.ts';
import type { ComparisonSide } from '#shared/model/heap.ts';
import { memoryNavFrom, memoryPath, type MemoryNav } from './memory-nav.ts';
import { narrowFromText, narrowToText, setFromText, setToText, type Narrow } from './selection-address.ts';

/** What the main table of a snapshot shows at its top level. */
export type SnapshotFocus =
  | { kind: 'classes' }
  | { kind: 'search'; text: string }
  | { kind: 'object'; id: number }
  /** Exactly these objects: a cell of a comparison, a line of the growth tree, a finding. */
  | { kind: 'set'; set: ObjectSet };

export const SNAPSHOT_TABS = ['summary', 'containment', 'dominators', 'statistics', 'strings', 'findings', 'query'] as const;
export type SnapshotTab = (typeof SNAPSHOT_TABS)[number];

export const GROUPINGS: readonly Grouping[] = ['class', 'module', 'package', 'kind', 'site'];

/** How the dominators are drawn. */
export const DOMINATOR_SHAPES = ['tree', 'classes', 'treemap'] as const;
export type DominatorShape = (typeof DOMINATOR_SHAPES)[number];

/** How a set of objects is shown instead of as a list: what dominates it directly, or what it dominates. */
export const SET_DIRECTIONS = ['dominators', 'dominated'] as const;
export type SetDirection = (typeof SET_DIRECTIONS)[number];

export const OBJECT_TABS = ['fields', 'references', 'dominated', 'retained'] as const;
export type ObjectTab = (typeof OBJECT_TABS)[number];

export const COMPARE_TABS = ['classes', 'growth', 'survivors', 'trio'] as const;
export type CompareTab = (typeof COMPARE_TABS)[number];

export const OBJECT_PANES = ['paths', 'retainers', 'details', 'holders'] as const;
export type ObjectPane = (typeof OBJECT_PANES)[number];

export interface SnapshotNav {
  view: 'snapshot';
  sessionId: string;
  snapshotId: string;
  tab: SnapshotTab;
  focus: SnapshotFocus;
  filter: string;
  group: Grouping;
  narrow: Narrow;
  shape: DominatorShape;
  /** Heap id of the object the treemap starts from; null: the root. */
  zoom: number | null;
  order: StringOrder;
  /** Earlier snapshot that findings of growth are measured from; null: the first of the session, `none`: without. */
  since: string | null;
  /** Null: a set is a list of its objects. */
  direction: SetDirection | null;
  /** The statement of the query tab; it is shown, never run, because a link says so. */
  sql: string;
  /** Snapshot whose tables the query tab has as `base`. */
  base: string | null;
  /** Heap id of the selected object. */
  object: number | null;
  pane: ObjectPane;
}

/** One object on a page of its own. */
export interface ObjectNav {
  view: 'object';
  sessionId: string;
  snapshotId: string;
  /** Heap id. */
  id: number;
  tab: ObjectTab;
}

export interface CompareNav {
  view: 'compare';
  sessionId: string;
  tab: CompareTab;
  /** The snapshot after both, for what was born between them and stayed; null: the view picks. */
  thirdId: string | null;
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
  | { view: 'settings' }
  | { view: 'timeline'; sessionId: string }
  | { view: 'output'; sessionId: string }
  | { view: 'processes'; sessionId: string }
  | MemoryNav
  | SnapshotNav
  | ObjectNav
  | CompareNav;

export function snapshotNav(sessionId: string, snapshotId: string, more: Partial<SnapshotNav> = {}): SnapshotNav {
  return {
    view: 'snapshot',
    sessionId,
    snapshotId,
    tab: 'summary',
    focus: { kind: 'classes' },
    filter: '',
    group: 'class',
    narrow: {},
    shape: 'tree',
    zoom: null,
    order: 'longest',
    since: null,
    direction: null,
    sql: '',
    base: null,
    object: null,
    pane: 'paths',
    ...more,
  };
}

export function objectNav(sessionId: string, snapshotId: string, id: number, tab: ObjectTab = 'fields'): ObjectNav {
  return { view: 'object', sessionId, snapshotId, id, tab };
}

export function compareNav(sessionId: string, more: Partial<CompareNav> = {}): CompareNav {
  return {
    view: 'compare',
    sessionId,
    tab: 'classes',
    thirdId: null,
    baseId: null,
    comparedId: null,
    filter: '',
    className: null,
    side: 'new',
    pane: 'paths',
    ...more,
  };
}

/** The part of a comparison's address that is kept with it: how it is looked at. */
export function comparisonView(nav: CompareNav): string {
  return splitOnce(toHash(nav), '?')[1];
}

/** Where a kept comparison leads. What its text does not say, or says wrongly, is as in a new one. */
export function keptNav(sessionId: string, { baseId, comparedId, view }: { baseId: string; comparedId: string; view: string }): NavState {
  return fromHash(withQuery(`#/session/${encode(sessionId)}/compare/${encode(baseId)}/${encode(comparedId)}`, new URLSearchParams(view)));
}

export function sessionIdOf(nav: NavState): string | null {
  return nav.view === 'start' || nav.view === 'settings' ? null : nav.sessionId;
}

/** `#/session/abc/snapshot/s1?find=Request&object=123`. */
export function toHash(nav: NavState): string {
  switch (nav.view) {
    case 'start':
      return '#/start';
    case 'settings':
      return '#/settings';
    case 'timeline':
    case 'output':
    case 'processes':
      return `#/session/${encode(nav.sessionId)}/${nav.view}`;
    case 'gc':
    case 'allocators':
    case 'segments':
    case 'references':
    case 'allocations':
      return `#/session/${encode(nav.sessionId)}/${memoryPath(nav)}`;
    case 'snapshot': {
      const query = new URLSearchParams();
      if (nav.tab !== 'summary') query.set('tab', nav.tab);
      const set = nav.focus.kind === 'set' ? setToText(nav.focus.set) : null;
      if (set !== null) query.set('set', set);
      if (nav.group !== 'class') query.set('group', nav.group);
      const narrow = narrowToText(nav.narrow);
      if (narrow) query.set('narrow', narrow);
      if (nav.shape !== 'tree') query.set('shape', nav.shape);
      if (nav.zoom !== null) query.set('zoom', String(nav.zoom));
      if (nav.order !== 'longest') query.set('order', nav.order);
      if (nav.since !== null) query.set('since', nav.since);
      if (nav.direction !== null) query.set('direction', nav.direction);
      // Longer statements stay in the page: an address of that length is cut by whoever passes it on.
      if (nav.sql && nav.sql.length <= MAX_SQL_CHARS) query.set('sql', nav.sql);
      if (nav.base !== null) query.set('base', nav.base);
      if (nav.focus.kind === 'search') query.set('find', nav.focus.text);
      if (nav.focus.kind === 'object') query.set('root', String(nav.focus.id));
      if (nav.filter) query.set('filter', nav.filter);
      if (nav.object !== null) query.set('object', String(nav.object));
      if (nav.pane !== 'paths') query.set('pane', nav.pane);
      return withQuery(`#/session/${encode(nav.sessionId)}/snapshot/${encode(nav.snapshotId)}`, query);
    }
    case 'object': {
      const query = new URLSearchParams();
      if (nav.tab !== 'fields') query.set('tab', nav.tab);
      return withQuery(`#/session/${encode(nav.sessionId)}/snapshot/${encode(nav.snapshotId)}/object/${nav.id}`, query);
    }
    case 'compare': {
      const query = new URLSearchParams();
      if (nav.tab !== 'classes') query.set('tab', nav.tab);
      if (nav.thirdId !== null) query.set('third', nav.thirdId);
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
const MAX_SQL_CHARS = 2_000;

export function fromHash(hash: string): NavState {
  const start: NavState = { view: 'start' };
  if (hash.length > MAX_HASH_CHARS) return start;
  const [path = '', search = ''] = splitOnce(hash.replace(/^#/, ''), '?');
  const parts = path.split('/').filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  if (parts[0] === 'settings') return { view: 'settings' };
  if (parts[0] !== 'session' || !parts[1]) return start;
  const sessionId = parts[1];
  switch (parts[2]) {
    case 'timeline':
    case 'output':
    case 'processes':
      return { view: parts[2], sessionId };
    case 'snapshot':
      if (!parts[3]) return start;
      if (parts[4] === 'object') {
        const id = heapId(parts[5] ?? null);
        return id === null ? snapshotNav(sessionId, parts[3]) : objectNav(sessionId, parts[3], id, oneOf(OBJECT_TABS, query.get('tab'), 'fields'));
      }
      return snapshotNav(sessionId, parts[3], {
        tab: oneOf(SNAPSHOT_TABS, query.get('tab'), 'summary'),
        focus: focusFrom(query),
        group: oneOf(GROUPINGS, query.get('group'), 'class'),
        narrow: narrowFromText(query.get('narrow')),
        shape: oneOf(DOMINATOR_SHAPES, query.get('shape'), 'tree'),
        zoom: heapId(query.get('zoom')),
        order: query.get('order') === 'duplicates' ? 'duplicates' : 'longest',
        since: query.get('since') || null,
        direction: SET_DIRECTIONS.find((direction) => direction === query.get('direction')) ?? null,
        sql: query.get('sql')?.slice(0, MAX_SQL_CHARS) ?? '',
        base: query.get('base') || null,
        filter: query.get('filter') ?? '',
        object: heapId(query.get('object')),
        pane: paneFrom(query),
      });
    case 'compare':
      return compareNav(sessionId, {
        tab: oneOf(COMPARE_TABS, query.get('tab'), 'classes'),
        thirdId: query.get('third') || null,
        baseId: parts[3] && parts[4] ? parts[3] : null,
        comparedId: parts[3] && parts[4] ? parts[4] : null,
        filter: query.get('filter') ?? '',
        className: query.get('class'),
        side: sideFrom(query.get('side')),
        pane: paneFrom(query),
      });
    default:
      return memoryNavFrom(parts[2], sessionId, query) ?? start;
  }
}

function focusFrom(query: URLSearchParams): SnapshotFocus {
  const set = setFromText(query.get('set'));
  if (set) return { kind: 'set', set };
  const find = query.get('find');
  if (find) return { kind: 'search', text: find };
  const root = heapId(query.get('root'));
  return root === null ? { kind: 'classes' } : { kind: 'object', id: root };
}

function oneOf<const T extends string>(values: readonly T[], text: string | null, otherwise: T): T {
  return values.find((value) => value === text) ?? otherwise;
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
