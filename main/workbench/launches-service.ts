/** The `launches` contract: history and presets. */
import { isDeepStrictEqual } from 'node:util';
import { MAX_PRESETS, type launchesContract, type LaunchesState, type StoredLaunch } from '#shared/contracts/launches.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { launchesFile, type LaunchesFile } from '#main/storage/launch-history.ts';
import { newId } from './session-store.ts';

const MAX_RECENT = 30;

export interface Launches {
  /** Remembers a launch that worked. Never fails: a full disk does not stop a launch. */
  remember(launch: StoredLaunch): Promise<void>;
  handlers: ServiceHandlers<typeof launchesContract>;
}

export function createLaunches(path: string | null, log: (line: string) => void): Launches {
  const file = launchesFile(path);
  const listeners = new Set<(state: LaunchesState) => void>();
  let content: LaunchesFile = { recent: [], presets: [] };
  let notice: string | null = null;
  const ready = file.load().then((loaded) => {
    content = loaded.value;
    notice = loaded.notice;
  });
  let saving: Promise<unknown> = Promise.resolve();

  const state = (): LaunchesState => ({ ...content, notice, path });

  /** One change after the other; memory changes only when the disk has. */
  function change<R>(make: (now: LaunchesFile) => { next: LaunchesFile; result: R }): Promise<R> {
    const done = saving.then(async () => {
      await ready;
      const { next, result } = make(content);
      await file.save(next);
      content = next;
      for (const listener of [...listeners]) listener(state());
      return result;
    });
    saving = done.catch(() => undefined);
    return done;
  }

  return {
    async remember(launch) {
      await change((now) => {
        const known = now.recent.find((one) => isDeepStrictEqual(one.launch, launch));
        const entry = { id: known?.id ?? newId('l'), at: Date.now(), times: (known?.times ?? 0) + 1, launch };
        return { next: { ...now, recent: [entry, ...now.recent.filter((one) => one !== known)].slice(0, MAX_RECENT) }, result: undefined };
      }).catch((error: unknown) => log(`The launch could not be remembered: ${error instanceof Error ? error.message : String(error)}`));
    },
    handlers: {
      methods: {
        savePreset: ({ id, name, launch }) =>
          change((now) => {
            const known = id === undefined ? undefined : now.presets.find((preset) => preset.id === id);
            if (id !== undefined && !known) throw new HeaphouseError('not-found', 'That preset does not exist (any more).');
            if (now.presets.some((preset) => preset !== known && preset.name === name)) {
              throw new HeaphouseError('invalid-argument', `There is a preset called "${name}" already.`, { advice: 'Choose another name, or change that one.' });
            }
            if (!known && now.presets.length >= MAX_PRESETS) throw new HeaphouseError('invalid-argument', `There are ${MAX_PRESETS} presets already.`, { advice: 'Delete one first.' });
            const preset = { id: known?.id ?? newId('p'), name, launch };
            const presets = [...now.presets.filter((one) => one !== known), preset].sort((a, b) => a.name.localeCompare(b.name));
            return { next: { ...now, presets }, result: preset };
          }),
        deletePreset: ({ id }) => change((now) => ({ next: { ...now, presets: now.presets.filter((preset) => preset.id !== id) }, result: null })),
        forget: ({ id }) => change((now) => ({ next: { ...now, recent: now.recent.filter((one) => one.id !== id) }, result: null })),
        forgetAll: () => change((now) => ({ next: { ...now, recent: [] }, result: null })),
      },
      events: {
        changed(_params, emit) {
          listeners.add(emit);
          void ready.then(() => listeners.has(emit) && emit(state()));
          return () => listeners.delete(emit);
        },
      },
    },
  };
}
