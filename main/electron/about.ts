/** The about box: versions, to copy into a report. */
import type { Clipboard } from 'electron';
import type { ShellInfo } from '#shared/contracts/shell.ts';
import { ask, type DialogParts } from './carry-out.ts';

export async function showAbout(parts: DialogParts, { versions }: Pick<ShellInfo, 'versions'>, clipboard: Pick<Clipboard, 'writeText'>): Promise<void> {
  const detail = versions.map(({ name, version }) => `${name} ${version}`).join('\n');
  const { response } = await ask(parts, {
    type: 'info',
    title: 'About Heaphouse',
    message: 'Heaphouse',
    detail,
    buttons: ['Copy', 'Close'],
    defaultId: 1,
    cancelId: 1,
  });
  if (response === 0) await clipboard.writeText(detail);
}
