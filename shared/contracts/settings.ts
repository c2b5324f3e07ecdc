/** Settings of the workbench, the same in every host and window. */
import * as v from 'valibot';
import { settingsSchema, type Settings } from '../model/settings.ts';
import { defineService, event, method } from '../rpc/define-service.ts';
import { empty } from './common.ts';

export interface SettingsState {
  settings: Settings;
  /** Why the file could not be used; null when all is well. */
  notice: string | null;
  /** Where they are kept; null: nowhere, they last as long as the workbench. */
  path: string | null;
  defaultSessionsDir: string;
}

export const settingsContract = defineService('settings', {
  methods: {
    get: method<SettingsState>()(empty),
    /** Changes some of them. Errors: `invalid-argument`, `io` (a sessions folder that cannot be written to, a full disk). */
    set: method<SettingsState>()(v.object({ change: v.partial(settingsSchema) })),
    reset: method<SettingsState>()(empty),
    dismissNotice: method<null>()(empty),
  },
  events: {
    /** At once and after every change. */
    changed: event<SettingsState>()(empty),
  },
});
