/**
 * The native menu, built from the same command table as the page's palette and keys. The page runs the commands and
 * handles their keys; the menu shows both and says which command was chosen.
 */
import type { MenuItemConstructorOptions } from 'electron';
import { COMMANDS, type CommandMenu, type CommandSpec } from '#shared/model/commands.ts';

export interface MenuActions {
  run: (commandId: string) => void;
}

const NAMED_KEYS: Record<string, string> = {
  Mod: 'CommandOrControl',
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
  ArrowUp: 'Up',
  ArrowDown: 'Down',
  Minus: '-',
};

/** `Mod+Alt+ArrowLeft` as Electron writes it. Null for none, and for a bare character, which only the page can tell from typing. */
export function acceleratorOf(key: string | null): string | null {
  if (key === null) return null;
  const parts = key.split('+').map((part) => NAMED_KEYS[part] ?? part);
  return parts.length === 1 && parts[0].length === 1 ? null : parts.join('+');
}

function itemOf({ id, label, key }: CommandSpec, run: (id: string) => void): MenuItemConstructorOptions {
  const accelerator = acceleratorOf(key);
  return {
    id,
    label: label.replaceAll('&', '&&'),
    click: () => run(id),
    // Shown, not registered: the page handles its keys itself and would run the command twice otherwise.
    ...(accelerator === null ? {} : { accelerator, registerAccelerator: false }),
  };
}

export function menuTemplate(
  actions: MenuActions,
  { platform = process.platform, commands = COMMANDS }: { platform?: string; commands?: readonly CommandSpec[] } = {},
): MenuItemConstructorOptions[] {
  const isMac = platform === 'darwin';
  const separator: MenuItemConstructorOptions = { type: 'separator' };
  // What macOS has in the menu of the application.
  const inApplication = (id: string) => isMac && (id === 'help.about' || id === 'settings.show');
  const of = (menu: CommandMenu) => commands.filter((command) => command.menu === menu && !inApplication(command.id)).map((command) => itemOf(command, actions.run));
  const own = (id: string) => commands.filter((command) => command.id === id).map((command) => itemOf(command, actions.run));

  const application: MenuItemConstructorOptions = {
    label: 'Heaphouse',
    submenu: [...own('help.about'), separator, ...own('settings.show'), separator, { role: 'services' }, separator, { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, separator, { role: 'quit' }],
  };
  const recent: MenuItemConstructorOptions = {
    label: 'Open recent',
    role: 'recentDocuments',
    submenu: [{ label: 'Clear the list', role: 'clearRecentDocuments' }],
  };
  return [
    ...(isMac ? [application] : []),
    { label: '&File', submenu: [...of('File'), ...(isMac ? [recent] : []), separator, isMac ? { role: 'close' } : { role: 'quit' }] },
    { label: '&Edit', role: 'editMenu' },
    { label: '&Target', submenu: of('Target') },
    {
      label: '&View',
      submenu: [...of('View'), separator, { role: 'togglefullscreen' }],
    },
    { label: '&Go', submenu: of('Go') },
    ...(isMac ? [{ role: 'windowMenu' } satisfies MenuItemConstructorOptions] : []),
    {
      label: '&Help',
      role: 'help',
      submenu: [
        ...of('Help'),
        separator,
        { role: 'reload', label: 'Load the window again' },
        { role: 'toggleDevTools' },
      ],
    },
  ];
}
