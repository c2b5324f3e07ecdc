/** Ways into a target that another start asked for: the user is asked first, then shown the session or the error. */
import type { BaseWindow, Dialog, MessageBoxOptions } from 'electron';
import type { OpenRequest } from '#shared/contracts/shell.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import type { RpcClient } from '#shared/rpc/client.ts';
import { toWireError } from '#shared/rpc/errors.ts';
import type { TargetAction } from './open-requests.ts';

export interface DialogParts {
  dialog: Pick<Dialog, 'showMessageBox'>;
  /** The window a dialog belongs to; null when it is closed. */
  window: () => BaseWindow | null;
}

export interface ActionParts extends DialogParts {
  client: Pick<RpcClient, 'service'>;
  show: (request: OpenRequest) => void;
}

export function ask({ dialog, window }: DialogParts, options: MessageBoxOptions): Promise<{ response: number }> {
  const parent = window();
  return parent ? dialog.showMessageBox(parent, options) : dialog.showMessageBox(options);
}

export async function showError(parts: DialogParts, error: unknown): Promise<void> {
  const { message, advice, detail } = toWireError(error);
  await ask(parts, { type: 'error', title: 'Heaphouse', message, detail: [advice, detail].filter(Boolean).join('\n\n'), buttons: ['Close'] });
}

/** Never rejects: an error is shown to the user. */
export async function carryOut(parts: ActionParts, action: TargetAction): Promise<void> {
  const verb = action.kind === 'attach' ? 'Attach' : 'Connect';
  const what = action.kind === 'attach' ? `process ${action.pid}` : action.url;
  const { response } = await ask(parts, {
    type: 'question',
    title: 'Heaphouse',
    message: `${verb} to ${what}?`,
    detail: 'Heaphouse was started once more and asked for it.',
    buttons: [verb, 'Cancel'],
    defaultId: 1,
    cancelId: 1,
  });
  if (response !== 0) return;
  try {
    const targets = parts.client.service(targetsContract);
    const { sessionId } =
      action.kind === 'attach'
        ? await targets.attach({ pid: action.pid })
        : // The address stood in the question, so another machine has been agreed to.
          await targets.connect({ url: action.url, confirmRemote: true });
    parts.show({ kind: 'session', sessionId });
  } catch (error) {
    await showError(parts, error);
  }
}
