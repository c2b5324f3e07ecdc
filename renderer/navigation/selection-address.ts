/**
 * Sets of objects and the bounds that narrow them, as short texts for the address: `finding:ID`, `growth:s1:s2:7`,
 * `minRetained:1024,since:s1`. Both directions are inverse; what cannot be read is null, never an error.
 */
import type { Grouping, ObjectFilter, ObjectSet } from '#shared/model/heap-explore.ts';

/** The part of an ObjectFilter that the summary's filter panel sets. */
export type Narrow = Pick<
  ObjectFilter,
  'minShallowBytes' | 'maxShallowBytes' | 'minRetainedBytes' | 'maxRetainedBytes' | 'minDistance' | 'maxDistance' | 'notInId'
>;

const MAX_ADDRESS_ORDINALS = 500;
const GROUPINGS: readonly Grouping[] = ['class', 'module', 'package', 'kind', 'site'];
const SIDES = ['new', 'dead', 'survived'] as const;

export function setToText(set: ObjectSet): string | null {
  const text = (...parts: (string | number | null)[]) => parts.map((part) => (part === null ? '' : encodeURIComponent(part))).join(':');
  switch (set.by) {
    case 'all':
      return 'all';
    case 'class':
      return text('class', set.classIndex);
    case 'group':
      return text('group', set.grouping, set.groupId);
    case 'ordinals':
      return set.ordinals.length > MAX_ADDRESS_ORDINALS ? null : text('ordinals', set.ordinals.join('.'));
    case 'retainedBy':
      return text('retainedBy', set.ordinal);
    case 'retainedByClass':
      return text('retainedByClass', set.classIndex);
    case 'comparison':
      return text('comparison', set.baseId, set.comparedId, set.classIndex, set.side);
    case 'growth':
      return text('growth', set.baseId, set.comparedId, set.lineId);
    case 'trio':
      return text('trio', set.firstId, set.secondId, set.thirdId, set.classIndex);
    case 'string':
      return text('string', set.stringId);
    case 'finding':
      return text('finding', set.findingId, set.baseId);
  }
}

export function setFromText(text: string | null): ObjectSet | null {
  if (text === null) return null;
  const [by, ...rest] = text.split(':').map(decode);
  const [a = '', b = '', c = '', d = ''] = rest;
  switch (by) {
    case 'all':
      return { by };
    case 'class':
    case 'retainedByClass': {
      const classIndex = whole(a);
      return classIndex === null ? null : { by, classIndex };
    }
    case 'group': {
      const grouping = GROUPINGS.find((candidate) => candidate === a);
      const groupId = whole(b);
      return grouping === undefined || groupId === null ? null : { by, grouping, groupId };
    }
    case 'ordinals': {
      const ordinals = a.split('.').flatMap((part) => whole(part) ?? []);
      return ordinals.length === 0 || ordinals.length > MAX_ADDRESS_ORDINALS ? null : { by, ordinals };
    }
    case 'retainedBy': {
      const ordinal = whole(a);
      return ordinal === null ? null : { by, ordinal };
    }
    case 'comparison': {
      const side = SIDES.find((candidate) => candidate === d);
      return !a || !b || side === undefined ? null : { by, baseId: a, comparedId: b, classIndex: whole(c), side };
    }
    case 'growth': {
      const lineId = whole(c);
      return !a || !b || lineId === null ? null : { by, baseId: a, comparedId: b, lineId };
    }
    case 'trio':
      return !a || !b || !c ? null : { by, firstId: a, secondId: b, thirdId: c, classIndex: whole(d) };
    case 'string': {
      const stringId = whole(a);
      return stringId === null ? null : { by, stringId };
    }
    case 'finding':
      return a ? { by, findingId: a, baseId: b || null } : null;
    default:
      return null;
  }
}

const BOUNDS = ['minShallowBytes', 'maxShallowBytes', 'minRetainedBytes', 'maxRetainedBytes', 'minDistance', 'maxDistance'] as const;

export function narrowToText(narrow: Narrow): string {
  const parts = BOUNDS.flatMap((bound) => (narrow[bound] === undefined ? [] : [`${bound}:${narrow[bound]}`]));
  if (narrow.notInId !== undefined) parts.push(`notIn:${encodeURIComponent(narrow.notInId)}`);
  return parts.join(',');
}

export function narrowFromText(text: string | null): Narrow {
  const narrow: { -readonly [K in keyof Narrow]: Narrow[K] } = {};
  for (const part of (text ?? '').split(',')) {
    const at = part.indexOf(':');
    if (at < 0) continue;
    const name = part.slice(0, at);
    const value = part.slice(at + 1);
    const bound = BOUNDS.find((candidate) => candidate === name);
    const number = whole(value);
    if (bound !== undefined && number !== null) narrow[bound] = number;
    if (name === 'notIn' && value) narrow.notInId = decode(value);
  }
  return narrow;
}

export function isNarrow(narrow: Narrow): boolean {
  return Object.keys(narrow).length > 0;
}

function whole(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
