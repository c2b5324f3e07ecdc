/**
 * The commands of the workbench as data: the page binds them to functions and keys, the desktop host builds its native
 * menu from the same table. `Mod` is Command on macOS and Control elsewhere; `Plus` and `Minus` are those characters.
 * Not used, because macOS has its own meaning for them: Mod+H, M, Q, W, Tab, Space. Browsers keep Mod+1 … Mod+9 for their tabs.
 */
export type CommandMenu = 'File' | 'Target' | 'View' | 'Go' | 'Help';

export interface CommandSpec {
  readonly id: string;
  readonly label: string;
  readonly menu: CommandMenu;
  /** `Mod+Shift+P`, `F6`, `?`; null when there is none. */
  readonly key: string | null;
}

export const COMMANDS = [
  { id: 'start.show', label: 'New target…', menu: 'File', key: 'Mod+Alt+N' },
  { id: 'files.open', label: 'Open snapshot files…', menu: 'File', key: 'Mod+O' },
  { id: 'session.notes', label: 'Notes of the session', menu: 'File', key: 'Mod+Shift+E' },
  { id: 'session.rename', label: 'Rename session…', menu: 'File', key: 'F2' },
  { id: 'session.export', label: 'Export session as one file…', menu: 'File', key: 'Mod+Shift+S' },
  { id: 'session.delete', label: 'Delete session…', menu: 'File', key: null },
  { id: 'session.close', label: 'Close session', menu: 'File', key: null },
  { id: 'settings.show', label: 'Settings…', menu: 'File', key: 'Mod+,' },
  { id: 'target.snapshot', label: 'Take snapshot', menu: 'Target', key: 'Mod+E' },
  { id: 'target.collect', label: 'Collect garbage', menu: 'Target', key: 'Mod+Shift+G' },
  { id: 'target.mark', label: 'Add a mark to the timeline', menu: 'Target', key: 'Mod+B' },
  { id: 'target.detach', label: 'Detach', menu: 'Target', key: null },
  { id: 'target.terminate', label: 'Terminate the target', menu: 'Target', key: null },
  { id: 'view.timeline', label: 'Timeline', menu: 'View', key: 'Alt+1' },
  { id: 'view.output', label: 'Output', menu: 'View', key: 'Alt+2' },
  { id: 'view.lastSnapshot', label: 'Latest snapshot', menu: 'View', key: 'Alt+3' },
  { id: 'view.compare', label: 'Compare the last two snapshots', menu: 'View', key: 'Alt+4' },
  { id: 'view.gc', label: 'Collector', menu: 'View', key: 'Alt+5' },
  { id: 'view.allocators', label: 'Allocators', menu: 'View', key: 'Alt+6' },
  { id: 'view.segments', label: 'Segments', menu: 'View', key: 'Alt+7' },
  { id: 'view.references', label: 'References', menu: 'View', key: 'Alt+8' },
  { id: 'view.keepComparison', label: 'Keep this comparison…', menu: 'View', key: 'Mod+D' },
  { id: 'view.closeObject', label: 'Close the object', menu: 'View', key: 'Alt+W' },
  { id: 'view.closeObjects', label: 'Close all objects', menu: 'View', key: null },
  { id: 'view.filter', label: 'Filter the table', menu: 'View', key: 'Mod+F' },
  { id: 'view.theme', label: 'Switch between light, dark and system colours', menu: 'View', key: null },
  { id: 'view.zoomIn', label: 'Zoom in', menu: 'View', key: 'Mod+Plus' },
  { id: 'view.zoomOut', label: 'Zoom out', menu: 'View', key: 'Mod+Minus' },
  { id: 'view.zoomReset', label: 'Actual size', menu: 'View', key: 'Mod+0' },
  { id: 'go.back', label: 'Back', menu: 'Go', key: 'Alt+ArrowLeft' },
  { id: 'go.forward', label: 'Forward', menu: 'Go', key: 'Alt+ArrowRight' },
  { id: 'go.palette', label: 'Command palette…', menu: 'Go', key: 'Mod+Shift+P' },
  { id: 'go.object', label: 'Go to an object by name or @id…', menu: 'Go', key: 'Mod+P' },
  { id: 'go.nextPane', label: 'Next pane', menu: 'Go', key: 'F6' },
  { id: 'go.previousPane', label: 'Previous pane', menu: 'Go', key: 'Shift+F6' },
  { id: 'help.shortcuts', label: 'Keyboard shortcuts', menu: 'Help', key: '?' },
  { id: 'help.crashFolder', label: 'Show crash reports', menu: 'Help', key: null },
  { id: 'help.about', label: 'About Heaphouse', menu: 'Help', key: null },
] as const satisfies readonly CommandSpec[];

export type CommandId = (typeof COMMANDS)[number]['id'];
