/** Answers of the agent about references as the shapes of `shared/model/references.ts`; what does not fit is left out. */
import { COUNT_STATES, type CountedName, type CountState, type GarbageCycle, type GarbageReport, type NamedChange, type ReferenceReport, type ReferenceTrace, type Referrer, type TraceableFunction, type TraceableModule, type TraceStep } from '#shared/model/references.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { asRecord, booleanField, countField, numberField, stringField } from '../../cdp/read-field.ts';

const MAX_LISTED = 2_000;
const MAX_SHORT = 300;

function listField(value: unknown, field: string, most = MAX_LISTED): unknown[] {
  const found = asRecord(value)[field];
  return Array.isArray(found) ? found.slice(0, most) : [];
}

function texts(value: unknown, field: string): string[] {
  return listField(value, field, 200).flatMap((one) => (typeof one === 'string' ? [one.slice(0, 500)] : []));
}

const text = (value: unknown, field: string, most = MAX_SHORT): string => stringField(value, field, most) ?? '';
const count = (value: unknown, field: string): number => countField(value, field) ?? 0;
const milliseconds = (value: unknown, field: string): number => Math.max(0, numberField(value, field) ?? 0);

function requireAnswer(value: unknown, field: string): void {
  if (asRecord(value)[field] === undefined) throw new HeaphouseError('internal', 'The agent in the target answered with something that cannot be read.', { detail: `no ${field}` });
}

function stateOf(value: unknown): CountState {
  return COUNT_STATES.find((state) => state === stringField(value, 'state')) ?? 'counted';
}

const countedNames = (value: unknown, field: string): CountedName[] => listField(value, field, 50).map((one) => ({ name: text(one, 'name'), count: count(one, 'count') }));

export function readReport(answer: unknown): ReferenceReport {
  requireAnswer(answer, 'state');
  const state = stateOf(answer);
  return {
    type: text(answer, 'type'),
    text: text(answer, 'text'),
    address: text(answer, 'address', 20),
    state,
    count: state === 'counted' ? countField(answer, 'count') : null,
    referrers: listField(answer, 'referrers', 500).map(readReferrer),
    named: count(answer, 'named'),
    heldFromC: countField(answer, 'heldFromC'),
    borrowed: count(answer, 'borrowed'),
    ours: countedNames(answer, 'ours'),
    notes: texts(answer, 'notes'),
    elapsedMs: milliseconds(answer, 'elapsedMs'),
  };
}

function readReferrer(value: unknown): Referrer {
  return { kind: text(value, 'kind', 20), name: text(value, 'name'), type: text(value, 'type'), holder: text(value, 'holder'), address: stringField(value, 'address', 20) };
}

export function readModules(answer: unknown): TraceableModule[] {
  return listField(answer, 'modules').map((one) => ({ name: text(one, 'name'), file: stringField(one, 'file', 500) }));
}

export function readFunctions(answer: unknown): TraceableFunction[] {
  return listField(answer, 'functions').map((one) => ({ name: text(one, 'name', 500), line: count(one, 'line'), file: text(one, 'file', 500), variables: texts(one, 'variables'), reason: stringField(one, 'reason', 300) }));
}

export function readTrace(answer: unknown): ReferenceTrace {
  requireAnswer(answer, 'steps');
  return {
    file: text(answer, 'file', 500),
    function: text(answer, 'function', 500),
    firstLine: count(answer, 'firstLine'),
    variable: text(answer, 'variable'),
    steps: listField(answer, 'steps').map(readStep),
    cut: booleanField(answer, 'cut') ?? false,
    subtracted: countedNames(answer, 'subtracted'),
    notes: texts(answer, 'notes'),
    error: stringField(answer, 'error', 500),
  };
}

function readStep(value: unknown): TraceStep {
  return {
    line: count(value, 'line'),
    source: text(value, 'source'),
    bound: booleanField(value, 'bound') ?? false,
    rebound: booleanField(value, 'rebound') ?? false,
    count: countField(value, 'count'),
    state: stateOf(value),
    named: count(value, 'named'),
    type: text(value, 'type'),
    text: text(value, 'text'),
    address: stringField(value, 'address', 20),
    appeared: changes(value, 'appeared'),
    disappeared: changes(value, 'disappeared'),
  };
}

function changes(value: unknown, field: string): NamedChange[] {
  return listField(value, field, 60).map((one) => ({ kind: text(one, 'kind', 20), name: text(one, 'name'), count: Math.max(1, count(one, 'count')) }));
}

const readObject = (value: unknown) => ({ type: text(value, 'type'), text: text(value, 'text'), address: text(value, 'address', 20) });

export function readGarbage(answer: unknown): Omit<GarbageReport, 'at'> {
  requireAnswer(answer, 'groups');
  return {
    objects: count(answer, 'objects'),
    cycles: count(answer, 'cycles'),
    inCycles: count(answer, 'inCycles'),
    bytes: count(answer, 'bytes'),
    heldBytes: count(answer, 'heldBytes'),
    types: listField(answer, 'types', 500).map((one) => ({ type: text(one, 'type'), objects: count(one, 'objects'), bytes: count(one, 'bytes') })),
    groups: listField(answer, 'groups', 500).map(readCycle),
    groupCount: count(answer, 'groupCount'),
    cut: booleanField(answer, 'cut') ?? false,
    pauseMs: milliseconds(answer, 'pauseMs'),
    lookMs: milliseconds(answer, 'lookMs'),
    releaseMs: milliseconds(answer, 'releaseMs'),
    releasedBlocks: count(answer, 'releasedBlocks'),
    keptByProgram: booleanField(answer, 'keptByProgram') ?? false,
    uncollectable: listField(answer, 'uncollectable', 200).map(readObject),
    uncollectableCount: count(answer, 'uncollectableCount'),
  };
}

function readCycle(value: unknown): GarbageCycle {
  const objects = listField(value, 'objects', 50).map(readObject);
  return {
    count: count(value, 'count'),
    objectsEach: count(value, 'objectsEach'),
    bytes: count(value, 'bytes'),
    heldBytes: count(value, 'heldBytes'),
    attached: count(value, 'attached'),
    types: listField(value, 'types', 50).map((one) => ({ type: text(one, 'type'), objects: count(one, 'objects') })),
    objects,
    edges: listField(value, 'edges', 200)
      .map((one) => ({ from: count(one, 'from'), to: count(one, 'to'), name: text(one, 'name'), kind: text(one, 'kind', 20) }))
      .filter(({ from, to }) => from < objects.length && to < objects.length),
  };
}
