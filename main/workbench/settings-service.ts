/** The `settings` contract, and the values for the rest of the workbench. */
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { settingsContract, SettingsState } from '#shared/contracts/settings.ts';
import { DEFAULT_SETTINGS, type Settings } from '#shared/model/settings.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { ioError } from '#main/storage/io-error.ts';
import { makeFolders } from '#main/storage/make-folders.ts';
import { settingsFile } from '#main/storage/settings-file.ts';

export interface SettingsKeeper {
  /** The values now; the defaults until the file has been read. */
  current(): Settings;
  /** Resolves when the file has been read. */
  ready: Promise<void>;
  sessionsDir(): string;
  onChange(listener: (settings: Settings) => void): Dispose;
  handlers: ServiceHandlers<typeof settingsContract>;
}

export function createSettings(path: string | null, defaultSessionsDir: string): SettingsKeeper {
  const file = settingsFile(path);
  const listeners = new Set<(state: SettingsState) => void>();
  let settings = DEFAULT_SETTINGS;
  let notice: string | null = null;
  let saving: Promise<unknown> = Promise.resolve();
  const ready = file.load().then((loaded) => {
    settings = loaded.value;
    notice = loaded.notice;
    tell();
  });

  const state = (): SettingsState => ({ settings, notice, path, defaultSessionsDir });
  function tell(): void {
    for (const listener of [...listeners]) listener(state());
  }

  /** Saved before it takes effect: what the page shows is what the next start will have. */
  function store(make: (now: Settings) => Settings): Promise<SettingsState> {
    const next = saving.then(async () => {
      await ready;
      const wanted = make(settings);
      if (wanted.sessionsDir !== null && wanted.sessionsDir !== settings.sessionsDir) await checkWritable(wanted.sessionsDir);
      await file.save(wanted);
      settings = wanted;
      tell();
      return state();
    });
    saving = next.catch(() => undefined);
    return next;
  }

  return {
    current: () => settings,
    ready,
    sessionsDir: () => settings.sessionsDir ?? defaultSessionsDir,
    onChange(listener) {
      const own = (now: SettingsState) => listener(now.settings);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    handlers: {
      methods: {
        async get() {
          await ready;
          return state();
        },
        set: ({ change }) => store((now) => ({ ...now, ...withoutAbsent(change) })),
        reset: () => store(() => ({ ...DEFAULT_SETTINGS })),
        dismissNotice() {
          notice = null;
          tell();
          return null;
        },
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

function withoutAbsent(change: Partial<Settings>): Partial<Settings> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

/** A folder that cannot be written to is refused when it is chosen, not when a recording is lost. */
async function checkWritable(dir: string): Promise<void> {
  try {
    await makeFolders(dir);
    if (!(await stat(dir)).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    const probe = join(dir, `.heaphouse-${randomBytes(6).toString('hex')}`);
    await writeFile(probe, '', { mode: 0o600, flag: 'wx' });
    await rm(probe);
  } catch (error) {
    throw ioError(error, 'write', dir);
  }
}
