/**
 * Work that takes a while: what the status bar shows. A task is run here with its abort signal; captures that another
 * window started arrive as activities and are shown without a cancel button.
 */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { isCancelled } from '#shared/rpc/errors.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useDesktopNoticesStore } from './desktop-notices.ts';

export interface TaskProgress {
  phase: string;
  done: number;
  /** 0: not known. */
  total: number;
  unit?: 'bytes' | 'objects' | 'nodes' | 'edges' | 'steps';
}

export type TaskKind = 'launch' | 'attach' | 'snapshot' | 'analysis' | 'compare' | 'export' | 'upload' | 'activity';

export interface Task {
  id: string;
  kind: TaskKind;
  label: string;
  sessionId: string | null;
  startedAt: number;
  progress: TaskProgress | null;
  cancellable: boolean;
  cancelling: boolean;
}

export interface TaskRequest {
  kind: TaskKind;
  label: string;
  sessionId?: string | null;
}

export const useTasksStore = defineStore('tasks', () => {
  const { sessions } = useWorkbench();
  const desktop = useDesktopNoticesStore();
  const tasks = ref<Task[]>([]);
  const controllers = new Map<string, AbortController>();
  let nextId = 1;

  /** Runs `work` as a visible task; its outcome is the caller's to handle. An outer signal cancels it as well. */
  async function run<T>(
    request: TaskRequest,
    work: (context: { signal: AbortSignal; onProgress: (progress: TaskProgress) => void }) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    const id = `task-${nextId++}`;
    const controller = new AbortController();
    const onOuterAbort = () => cancel(id);
    controllers.set(id, controller);
    tasks.value.push({
      id,
      kind: request.kind,
      label: request.label,
      sessionId: request.sessionId ?? null,
      startedAt: Date.now(),
      progress: null,
      cancellable: true,
      cancelling: false,
    });
    const startedAt = Date.now();
    if (outer?.aborted) controller.abort();
    outer?.addEventListener('abort', onOuterAbort, { once: true });
    try {
      const result = await work({
        signal: controller.signal,
        onProgress: (progress) => {
          const task = tasks.value.find((candidate) => candidate.id === id);
          if (task) task.progress = progress;
        },
      });
      desktop.workEnded(visibleText(request.label, 120), startedAt, false);
      return result;
    } catch (error) {
      if (!isCancelled(error)) desktop.workEnded(visibleText(request.label, 120), startedAt, true);
      throw error;
    } finally {
      outer?.removeEventListener('abort', onOuterAbort);
      controllers.delete(id);
      tasks.value = tasks.value.filter((task) => task.id !== id);
    }
  }

  function cancel(id: string): void {
    const task = tasks.value.find((candidate) => candidate.id === id);
    if (task) task.cancelling = true;
    controllers.get(id)?.abort();
  }

  sessions.on('activity', {}, (activity) => {
    const id = `activity-${activity.taskId}`;
    if (activity.progress === null) {
      tasks.value = tasks.value.filter((task) => task.id !== id);
      return;
    }
    const own = tasks.value.find((task) => task.kind === 'snapshot' && task.sessionId === activity.sessionId);
    if (own) return;
    const known = tasks.value.find((task) => task.id === id);
    if (known) known.progress = activity.progress;
    else {
      tasks.value.push({
        id,
        kind: 'activity',
        label: activity.label,
        sessionId: activity.sessionId,
        startedAt: Date.now(),
        progress: activity.progress,
        cancellable: false,
        cancelling: false,
      });
    }
  });

  return {
    tasks,
    run,
    cancel,
    ofSession: (sessionId: string) => computed(() => tasks.value.filter((task) => task.sessionId === sessionId)),
  };
});
