/** Binds the command table to what it does. One set per app; the palette, the keys and the buttons all run these. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { COMMANDS, type CommandId, type CommandSpec } from '#shared/model/commands.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { allocatorsNav, gcNav, referencesNav, segmentsNav } from '../navigation/memory-nav.ts';
import { compareNav, snapshotNav } from '../navigation/nav-state.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useNavigationStore } from '../stores/navigation.ts';
import { useNoticesStore } from '../stores/notices.ts';
import { useObjectTabsStore } from '../stores/object-tabs.ts';
import { lastPair, useSessionsStore } from '../stores/sessions.ts';
import { useSettingsStore } from '../stores/settings.ts';
import { useShellStore } from '../stores/shell.ts';
import { matchesKey } from './keys.ts';
import { cyclePane, focusFirst } from './panes.ts';

export type CommandDialog = 'palette' | 'shortcuts' | 'mark' | 'terminate' | 'open-files' | 'rename' | 'delete' | 'keep-comparison' | 'about';

interface Binding {
  when?: () => boolean;
  run: () => void;
}

export const useCommands = defineStore('commands', () => {
  const navigation = useNavigationStore();
  const sessions = useSessionsStore();
  const settings = useSettingsStore();
  const shell = useShellStore();
  const notices = useNoticesStore();
  const objectTabs = useObjectTabsStore();
  const workbench = useWorkbench();
  /** The dialog that is open; the frame shows it. */
  const dialog = ref<CommandDialog | null>(null);
  /** The notes of the session are in sight. */
  const notesOpen = ref(false);

  const zooms = () => shell.info?.zooms === true;
  const zoom = (step: 'in' | 'out' | 'reset') => () => void workbench.shell.zoom({ step }).catch(() => undefined);

  const current = () => sessions.current;
  const attached = () => current()?.state === 'attached';
  const withSession = (work: (id: string) => void) => () => {
    const session = current();
    if (session) work(session.id);
  };
  const saved = () => current() !== null && current()?.kind !== 'files' && current()?.dir !== null;
  const readySnapshots = () => current()?.snapshots.filter((snapshot) => snapshot.state === 'ready') ?? [];

  const bindings: Record<CommandId, Binding> = {
    'start.show': { run: () => navigation.go({ view: 'start' }) },
    'files.open': { run: () => (dialog.value = 'open-files') },
    'session.notes': { when: saved, run: () => (notesOpen.value = !notesOpen.value) },
    'session.rename': { when: saved, run: () => (dialog.value = 'rename') },
    'session.export': {
      when: saved,
      run: () => {
        const session = current();
        if (session?.dir) void sessions.exportSaved(session.dir, visibleText(session.title, 60));
      },
    },
    'session.delete': { when: () => saved() && !attached() && current()?.state !== 'starting', run: () => (dialog.value = 'delete') },
    'settings.show': { run: () => navigation.go({ view: 'settings' }) },
    'session.close': { when: () => current() !== null, run: withSession((id) => void sessions.close(id)) },
    'target.snapshot': { when: () => attached() && current()?.capabilities.snapshot === true, run: withSession((id) => void sessions.takeSnapshot(id)) },
    'target.collect': { when: () => attached() && current()?.capabilities.collect === true, run: withSession((id) => void sessions.collectGarbage(id)) },
    'target.mark': { when: attached, run: () => (dialog.value = 'mark') },
    'target.detach': { when: attached, run: withSession((id) => void sessions.detach(id)) },
    'target.terminate': { when: () => attached() && current()?.target?.launched === true, run: () => (dialog.value = 'terminate') },
    'view.timeline': {
      when: () => current()?.capabilities.timeline === true,
      run: withSession((sessionId) => navigation.go({ view: 'timeline', sessionId })),
    },
    'view.output': {
      when: () => current()?.capabilities.output === true,
      run: withSession((sessionId) => navigation.go({ view: 'output', sessionId })),
    },
    'view.lastSnapshot': {
      when: () => readySnapshots().length > 0,
      run: withSession((id) => {
        const last = readySnapshots().at(-1);
        if (last) navigation.go(snapshotNav(id, last.id));
      }),
    },
    'view.compare': {
      when: () => current() !== null,
      run: withSession((id) => {
        const session = current();
        const pair = session && lastPair(session);
        navigation.go(pair ? compareNav(id, { baseId: pair[0].id, comparedId: pair[1].id }) : compareNav(id));
      }),
    },
    'view.gc': { when: () => current()?.capabilities.timeline === true, run: withSession((id) => navigation.go(gcNav(id))) },
    'view.allocators': { when: () => current()?.capabilities.timeline === true, run: withSession((id) => navigation.go(allocatorsNav(id))) },
    'view.references': { when: () => current()?.target?.kind === 'python' && current()?.capabilities.timeline === true, run: withSession((id) => navigation.go(referencesNav(id))) },
    'view.segments': { when: () => current()?.capabilities.timeline === true, run: withSession((id) => navigation.go(segmentsNav(id))) },
    'view.keepComparison': { when: () => saved() && navigation.current.view === 'compare' && readySnapshots().length > 1, run: () => (dialog.value = 'keep-comparison') },
    'view.closeObject': {
      when: () => objectTabs.current !== null,
      run: withSession((id) => {
        if (objectTabs.current) objectTabs.closeOne(id, objectTabs.current);
      }),
    },
    'view.closeObjects': { when: () => objectTabs.of(current()?.id ?? '').length > 0, run: withSession((id) => objectTabs.closeAll(id)) },
    'view.filter': { when: () => document.querySelector('[data-filter]') !== null, run: () => focusFirst('[data-filter]') },
    'view.theme': { run: () => void settings.nextTheme() },
    'view.zoomIn': { when: zooms, run: zoom('in') },
    'view.zoomOut': { when: zooms, run: zoom('out') },
    'view.zoomReset': { when: zooms, run: zoom('reset') },
    'go.back': { run: () => navigation.back() },
    'go.forward': { run: () => navigation.forward() },
    'go.palette': { run: () => (dialog.value = 'palette') },
    'go.object': { when: () => document.querySelector('[data-find]') !== null, run: () => focusFirst('[data-find]') },
    'go.nextPane': { run: () => cyclePane(1) },
    'go.previousPane': { run: () => cyclePane(-1) },
    'help.shortcuts': { run: () => (dialog.value = 'shortcuts') },
    'help.crashFolder': {
      when: () => (shell.info?.crashDir ?? null) !== null,
      run: () => void workbench.shell.openCrashFolder({}).catch((error: unknown) => notices.failed('Crash reports', error)),
    },
    'help.about': { run: () => (dialog.value = 'about') },
  };

  function available(id: CommandId): boolean {
    return bindings[id].when?.() ?? true;
  }

  function run(id: CommandId): void {
    if (available(id)) bindings[id].run();
  }

  /** Runs the command of a key; true when there was one. Keys without a modifier do nothing while text is typed. */
  function handleKey(event: KeyboardEvent): boolean {
    if (dialog.value !== null) return false;
    const typing = event.target instanceof Element && event.target.closest('input, textarea, select, [contenteditable="true"]') !== null;
    for (const command of COMMANDS) {
      if (command.key === null || !matchesKey(event, command.key)) continue;
      if (typing && !/Mod\+|^F\d/.test(command.key)) return false;
      if (!available(command.id)) return false;
      run(command.id);
      return true;
    }
    return false;
  }

  function spec(id: CommandId): CommandSpec {
    return COMMANDS.find((command) => command.id === id) as CommandSpec;
  }

  return { dialog, notesOpen, available, run, handleKey, spec };
});
