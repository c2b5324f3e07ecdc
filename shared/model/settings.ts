/** What the user can set, with its bounds. `settings.json` and the settings view are made from this. */
import * as v from 'valibot';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const whole = (min: number, max: number) =>
  v.pipe(v.number('must be a number'), v.integer('must be a whole number'), v.minValue(min, `must be at least ${min}`), v.maxValue(max, `must be at most ${max}`));

export const SAMPLE_EVERY_MS = { min: 20, max: 60_000, normal: 100 } as const;
export const RECORDING_MIB = { min: 8, max: 4_096, normal: 128 } as const;

export const settingsSchema = v.object({
  theme: v.picklist(THEMES, `must be one of ${THEMES.join(', ')}`),
  /** How often resident memory is read; heap figures come at most four times a second. */
  sampleEveryMs: whole(SAMPLE_EVERY_MS.min, SAMPLE_EVERY_MS.max),
  /** Absolute folder for new sessions; null: the default of the system. */
  sessionsDir: v.nullable(
    v.pipe(
      v.string('must be a path'),
      v.maxLength(4_096, 'is too long'),
      v.check((path) => /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(path) && !path.includes('\0'), 'must be an absolute path'),
    ),
  ),
  /** A recording is thinned when its file grows beyond this. */
  maxRecordingMiB: whole(RECORDING_MIB.min, RECORDING_MIB.max),
  /** Tell when long work ends while the window is in the background. */
  notifications: v.boolean('must be true or false'),
  /** Ask before connecting to an address that is not this machine. */
  confirmRemote: v.boolean('must be true or false'),
});
export type Settings = v.InferOutput<typeof settingsSchema>;

export const DEFAULT_SETTINGS: Settings = {
  theme: 'system',
  sampleEveryMs: SAMPLE_EVERY_MS.normal,
  sessionsDir: null,
  maxRecordingMiB: RECORDING_MIB.normal,
  notifications: false,
  confirmRemote: true,
};

/** What a form has to say about one value; null when it is in order. */
export function settingProblem<K extends keyof Settings>(key: K, value: unknown): string | null {
  const result = v.safeParse(settingsSchema.entries[key], value);
  return result.success ? null : result.issues[0].message;
}
