/** Launches of before and those saved under a name; what the form is to be filled with. */
import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { LaunchesState, StoredLaunch } from '#shared/contracts/launches.ts';
import type { LaunchRequest } from '#shared/contracts/targets.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useSessionsStore } from './sessions.ts';
import { useTasksStore } from './tasks.ts';

export const useLaunchesStore = defineStore('launches', () => {
  const workbench = useWorkbench();
  const sessions = useSessionsStore();
  const tasks = useTasksStore();
  const state = shallowRef<LaunchesState | null>(null);
  /** The form takes it and sets null. */
  const toFill = shallowRef<StoredLaunch | null>(null);

  workbench.launches.on('changed', {}, (next) => (state.value = next));

  /** Starts it and shows its session; throws for the caller to show the failure in place. */
  async function launch(request: LaunchRequest): Promise<void> {
    const { sessionId } = await tasks.run({ kind: 'launch', label: `Launching ${visibleText(request.command, 60)}` }, (context) => workbench.targets.launch(request, context));
    await sessions.show(sessionId);
  }

  return {
    state,
    toFill,
    recent: computed(() => state.value?.recent ?? []),
    presets: computed(() => state.value?.presets ?? []),
    launch,
    savePreset: (name: string, launch: LaunchRequest, id?: string) => workbench.launches.savePreset({ name, launch, ...(id === undefined ? {} : { id }) }),
    deletePreset: (id: string) => workbench.launches.deletePreset({ id }),
    forget: (id: string) => workbench.launches.forget({ id }),
    forgetAll: () => workbench.launches.forgetAll({}),
  };
});
