/** `settings.json`: see shared/model/settings.ts for what is in it. */
import { DEFAULT_SETTINGS, settingsSchema, type Settings } from '#shared/model/settings.ts';
import * as v from 'valibot';
import { keptFile, type KeptFile } from './kept-file.ts';

export const SETTINGS_FILE = 'settings.json';

/** A setting that is missing has its default; one that is wrong makes the file unusable, so that nothing is guessed. */
const fileSchema = v.object({
  theme: v.optional(settingsSchema.entries.theme, DEFAULT_SETTINGS.theme),
  sampleEveryMs: v.optional(settingsSchema.entries.sampleEveryMs, DEFAULT_SETTINGS.sampleEveryMs),
  sessionsDir: v.optional(settingsSchema.entries.sessionsDir, DEFAULT_SETTINGS.sessionsDir),
  maxRecordingMiB: v.optional(settingsSchema.entries.maxRecordingMiB, DEFAULT_SETTINGS.maxRecordingMiB),
  notifications: v.optional(settingsSchema.entries.notifications, DEFAULT_SETTINGS.notifications),
  confirmRemote: v.optional(settingsSchema.entries.confirmRemote, DEFAULT_SETTINGS.confirmRemote),
});

export function settingsFile(path: string | null): KeptFile<Settings> {
  return keptFile<Settings>(path, { format: 'heaphouse-settings', version: 1, schema: fileSchema, defaults: () => ({ ...DEFAULT_SETTINGS }), upgraders: [] });
}
