/** What the host is, its own memory, and requests to open something that come from outside the page. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { ShellInfo } from '#shared/contracts/shell.ts';
import { COMMANDS, type CommandId } from '#shared/model/commands.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useNavigationStore } from './navigation.ts';
import { useNoticesStore } from './notices.ts';
import { useSessionsStore } from './sessions.ts';

const OWN_MEMORY_EVERY_MS = 5_000;

export interface OwnMemory {
  rssBytes: number;
  processes: { name: string; pid: number; rssBytes: number }[];
}

export const useShellStore = defineStore('shell', () => {
  const { shell } = useWorkbench();
  const sessions = useSessionsStore();
  const navigation = useNavigationStore();
  const notices = useNoticesStore();
  const info = shallowRef<ShellInfo | null>(null);
  const ownMemory = shallowRef<OwnMemory | null>(null);
  /** A command line that somebody asked to show in the launch form; the form takes it and sets null. */
  const prefill = ref<string[] | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;

  shell.on('openRequest', {}, (request) => {
    if (request.kind === 'files') {
      sessions.openPaths(request.paths).catch((error: unknown) => notices.failed('The files could not be opened', error));
    } else if (request.kind === 'session') {
      sessions.show(request.sessionId).catch((error: unknown) => notices.failed('The session could not be shown', error));
    } else {
      prefill.value = request.command;
      navigation.go({ view: 'start' });
    }
  });

  /** A command of the native menu; the host sends ids of the shared table, everything else is ignored. */
  function onMenuCommand(listener: (id: CommandId) => void): () => void {
    return shell.on('command', {}, (id) => {
      const command = COMMANDS.find((candidate) => candidate.id === id);
      if (command) listener(command.id);
    });
  }

  async function load(): Promise<void> {
    info.value = await shell.info({});
  }

  async function readOwnMemory(): Promise<void> {
    clearTimeout(timer);
    try {
      if (document.visibilityState === 'visible') ownMemory.value = await shell.ownMemory({});
    } catch {
      ownMemory.value = null;
    }
    timer = setTimeout(() => void readOwnMemory(), OWN_MEMORY_EVERY_MS);
  }

  return { info, ownMemory, prefill, onMenuCommand, load, readOwnMemory };
});
