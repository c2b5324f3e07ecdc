/**
 * Objects of a snapshot found again in the living target, looked at without running the program's code, and pinned as
 * global variables on request. V8 and our agent answer the same DevTools methods.
 */
import { MAX_LIVE_PROPERTIES, MAX_LIVE_TEXT, type LiveObject, type LivePin, type LiveProperty } from '#shared/model/live-object.ts';
import type { liveContract } from '#shared/contracts/live.ts';
import { cutText } from '#shared/format/visible-text.ts';
import type { TargetKind } from '#shared/model/target.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../cdp/connection.ts';
import { asRecord, stringField } from '../cdp/read-field.ts';

const GROUP = 'heaphouse-live';
const MAX_PINS = 100;

export interface LiveObjectsOptions {
  /** Throws `target-gone`. */
  target(): { kind: TargetKind; session: CdpSession };
  /** The main or worker thread in which ids of a snapshot with this epoch still mean the same objects; null: nowhere (any more). */
  withIds(idEpoch: string | null): Promise<CdpSession | null>;
}

export interface LiveObjects {
  methods: Omit<ServiceHandlers<typeof liveContract>['methods'], 'allocationStacks' | 'recordAllocationStacks' | 'stopAllocationStacks' | 'snapshotEstimate'>;
  /** Takes all pins out of the target. Never fails: a target that has gone needs nothing. */
  release(): Promise<void>;
}

interface Asked {
  heapId: number;
  className: string;
  idEpoch: string | null;
}

interface Found {
  /** Null for a value that is no object: there is nothing to look into. */
  objectId: string | null;
  remote: Record<string, unknown>;
  python: boolean;
  session: CdpSession;
}

export function createLiveObjects({ target, withIds }: LiveObjectsOptions): LiveObjects {
  const pins = new Map<string, LivePin>();
  /** The thread that has the variable. */
  const places = new Map<string, CdpSession>();
  let lastPin = 0;

  async function find({ heapId, className, idEpoch }: Asked): Promise<Found> {
    const { kind, session: main } = target();
    const python = kind === 'python';
    const session = python ? main : await withIds(idEpoch);
    if (!session) {
      throw new HeaphouseError('not-found', 'The target has numbered its objects anew since this snapshot, so the id may mean another object now.', {
        advice: 'V8 does that when any debugger disconnects; the heap of a worker thread also ends with the thread. Take a new snapshot and look the object up there.',
      });
    }
    const answer = await session.send('HeapProfiler.getObjectByHeapObjectId', { objectId: String(heapId), objectGroup: GROUP }).catch((error: unknown) => {
      if (error instanceof HeaphouseError && error.code === 'target-gone') throw error;
      throw new HeaphouseError('not-found', `The object @${heapId} cannot be had from the target any more.`, {
        advice: python
          ? 'It was freed since the snapshot, or only C code holds it.'
          : 'It was freed since the snapshot, or it belongs to V8 itself (code, shapes, hidden arrays), which gives no such object out.',
        detail: error instanceof HeaphouseError ? (error.detail ?? error.message) : String(error),
        cause: error,
      });
    });
    const remote = asRecord(asRecord(answer)['result']);
    const found = { objectId: stringField(remote, 'objectId', 1_000), remote, python, session };
    if (python && !sameClass(typeOf(remote), className)) {
      throw new HeaphouseError('not-found', `At the address of the object there is another one now: ${cutText(typeOf(remote), 100)} instead of ${cutText(className, 100)}.`, {
        advice: 'CPython reuses addresses. The object of the snapshot has been freed.',
      });
    }
    return found;
  }

  async function inspect(asked: Asked): Promise<LiveObject> {
    const { remote, objectId, session } = await find(asked);
    try {
      const read = objectId === null ? { properties: [], cut: false } : readProperties(await session.send('Runtime.getProperties', { objectId, ownProperties: true }));
      return { className: cutText(typeOf(remote), MAX_LIVE_TEXT), description: valueText(remote), ...read };
    } finally {
      // The handle would keep the object alive.
      void session.send('Runtime.releaseObjectGroup', { objectGroup: GROUP }).catch(() => undefined);
    }
  }

  async function pin(asked: Asked): Promise<LivePin> {
    const known = [...pins.values()].find((one) => one.heapId === asked.heapId && one.className === asked.className && one.idEpoch === asked.idEpoch);
    if (known) {
      target();
      return known;
    }
    if (pins.size >= MAX_PINS) throw new HeaphouseError('invalid-argument', `At most ${MAX_PINS} objects are pinned at a time.`, { advice: 'Take some out first.' });
    const { objectId, python, session } = await find(asked);
    if (objectId === null) throw new HeaphouseError('unsupported', 'A number, text or constant has no identity to pin; its value is all there is.');
    try {
      const name = await define(session, objectId, python);
      const made = { name, heapId: asked.heapId, idEpoch: asked.idEpoch, className: asked.className };
      pins.set(name, made);
      places.set(name, session);
      return made;
    } finally {
      void session.send('Runtime.releaseObjectGroup', { objectGroup: GROUP }).catch(() => undefined);
    }
  }

  /** A name that nobody has taken; the program may have had the same idea. */
  async function define(session: CdpSession, objectId: string, python: boolean): Promise<string> {
    for (;;) {
      const name = `${python ? '_' : '$'}hh${++lastPin}`;
      const answer = await session.send('Runtime.callFunctionOn', {
        objectId,
        functionDeclaration: python ? PIN_PYTHON : PIN_JAVASCRIPT,
        arguments: [{ value: name }],
        returnByValue: true,
        silent: true,
      });
      const result = asRecord(asRecord(answer)['result'])['value'];
      if (result === true) return name;
      if (result !== false) throw new HeaphouseError('unsupported', 'The target did not take the variable.', { detail: JSON.stringify(answer).slice(0, 2_000) });
    }
  }

  async function remove(session: CdpSession, kind: TargetKind, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const expression =
      kind === 'python'
        ? `[__import__('sys').modules['__main__'].__dict__.pop(name, None) is None for name in ${JSON.stringify(names)}] and None`
        : `for (const name of ${JSON.stringify(names)}) delete globalThis[name]; undefined`;
    await session.send('Runtime.evaluate', { expression, silent: true, returnByValue: true });
  }

  return {
    methods: {
      inspect: (asked) => inspect(asked),
      pin: (asked) => pin(asked),
      async unpin({ name }) {
        if (!pins.has(name)) throw new HeaphouseError('not-found', `Nothing is pinned as ${name}.`);
        const { session, kind } = target();
        await remove(places.get(name) ?? session, kind, [name]).catch((error: unknown) => {
          // The worker thread has ended, and the variable with it.
          if (places.get(name) === session || !(error instanceof HeaphouseError) || error.code !== 'target-gone') throw error;
        });
        pins.delete(name);
        places.delete(name);
        return null;
      },
      pins: () => [...pins.values()],
    },
    async release() {
      const placed = [...places];
      pins.clear();
      places.clear();
      try {
        const { kind } = target();
        const sessions = new Set(placed.map(([, session]) => session));
        const removals = [...sessions].map((session) => remove(session, kind, placed.filter(([, place]) => place === session).map(([name]) => name)));
        await Promise.allSettled(removals);
      } catch {
        // No target: nothing of ours is anywhere.
      }
    },
  };
}

/** Not enumerable, so that programs that walk their globals do not meet it. False: the name is taken. */
const PIN_JAVASCRIPT = `function (name) {
  if (name in globalThis) return false;
  Object.defineProperty(globalThis, name, { value: this, configurable: true, enumerable: false, writable: true });
  return true;
}`;

/** In the dict of `__main__` itself: no `__setattr__` of the program runs. */
const PIN_PYTHON = "lambda o, name: (lambda d: False if name in d else (d.__setitem__(name, o), True)[1])(__import__('sys').modules['__main__'].__dict__)";

function typeOf(remote: Record<string, unknown>): string {
  const value = remote['value'];
  if (typeof remote['className'] === 'string') return remote['className'];
  // What the agent hands over as a value.
  if (remote['type'] === 'string') return 'str';
  if (remote['type'] === 'boolean') return 'bool';
  if (remote['subtype'] === 'null') return 'NoneType';
  if (remote['type'] === 'bigint' || Number.isInteger(value)) return 'int';
  return remote['type'] === 'number' ? 'float' : String(remote['type'] ?? 'unknown');
}

/** Snapshot and agent may differ in the module: `__main__.Session` and `Session`. A whole float looks like an int. */
function sameClass(now: string, then: string): boolean {
  const last = (name: string) => name.replace(/^<class '(.*)'>$/, '$1').split('.').at(-1)!;
  if (last(now) === last(then)) return true;
  return now === 'int' && (then === 'float' || then === 'bool');
}

function valueText(remote: unknown): string {
  const record = asRecord(remote);
  const { value, description, unserializableValue } = record;
  if (record['type'] === 'string' && typeof value === 'string') return cutText(JSON.stringify(cutText(value, MAX_LIVE_TEXT)), MAX_LIVE_TEXT);
  if (typeof description === 'string') return cutText(description.split('\n')[0]!, MAX_LIVE_TEXT);
  if (typeof unserializableValue === 'string') return cutText(unserializableValue, MAX_LIVE_TEXT);
  if (value !== undefined && typeof value !== 'object') return cutText(String(value), MAX_LIVE_TEXT);
  return value === null || record['subtype'] === 'null' ? 'null' : cutText(String(record['type'] ?? ''), MAX_LIVE_TEXT);
}

function readProperties(answer: unknown): { properties: LiveProperty[]; cut: boolean } {
  const { result, internalProperties } = asRecord(answer);
  const listed = [...(Array.isArray(result) ? result : []), ...(Array.isArray(internalProperties) ? internalProperties : [])].map(asRecord);
  const properties = listed.slice(0, MAX_LIVE_PROPERTIES).map((property): LiveProperty => {
    const name = cutText(stringField(property, 'name', 10_000) ?? '(unnamed)', MAX_LIVE_TEXT);
    if (property['value'] === undefined) return { name, kind: 'getter', text: property['get'] ? 'getter, not run' : property['set'] ? 'setter' : 'not there' };
    return { name, kind: String(asRecord(property['value'])['type'] ?? 'object'), text: valueText(property['value']) };
  });
  return { properties, cut: listed.length > MAX_LIVE_PROPERTIES };
}
