/** What was launched before, and launches saved under a name. */
import * as v from 'valibot';
import { defineService, event, method } from '../rpc/define-service.ts';
import { empty } from './common.ts';
import { launchSchema } from './targets.ts';

export type StoredLaunch = v.InferOutput<typeof launchSchema>;

export interface RecentLaunch {
  id: string;
  /** Epoch ms of the last time. */
  at: number;
  times: number;
  launch: StoredLaunch;
}

export interface LaunchPreset {
  id: string;
  name: string;
  launch: StoredLaunch;
}

export interface LaunchesState {
  /** Newest first. */
  recent: RecentLaunch[];
  /** By name. */
  presets: LaunchPreset[];
  /** Why the file could not be used; null when all is well. */
  notice: string | null;
  path: string | null;
}

export const MAX_PRESETS = 200;
export const presetName = v.pipe(v.string(), v.trim(), v.minLength(1, 'is empty'), v.maxLength(100, 'is too long'));
const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/, 'not an id'));

export const launchesContract = defineService('launches', {
  methods: {
    /** A new preset, or with an id another content or name for one. */
    savePreset: method<LaunchPreset>()(v.object({ id: v.optional(id), name: presetName, launch: launchSchema })),
    deletePreset: method<null>()(v.object({ id })),
    forget: method<null>()(v.object({ id })),
    forgetAll: method<null>()(empty),
  },
  events: {
    /** At once and after every change. */
    changed: event<LaunchesState>()(empty),
  },
});
