/**
 * Electron's message ports as channels, and the desk where a page gets its one port. Main checks the sender when the
 * port is handed over; after that the port itself is the proof, and no message is trusted for its channel name.
 */
import type { IpcMain, MessagePortMain } from 'electron';
import { createChannelCore, type Channel, type Dispose } from '#shared/rpc/channel.ts';
import { isTrustedSender } from './security.ts';

/** IPC channel on which the preload script sends the port; the only one main listens to. */
export const CONNECT_CHANNEL = 'heaphouse:connect';

type Port = Pick<MessagePortMain, 'on' | 'postMessage' | 'start' | 'close'>;

export function portChannel(port: Port, closedReason: string): Channel {
  const core = createChannelCore(
    (message) => port.postMessage(message),
    () => port.close(),
  );
  port.on('message', (event) => core.receive(event.data));
  port.on('close', () => core.closed(closedReason));
  port.start();
  return core.channel;
}

export interface PortDeskOptions {
  ipcMain: Pick<IpcMain, 'on' | 'removeListener'>;
  /** Gets the channel of a page that has just connected. */
  onConnect: (channel: Channel) => void;
  report?: (what: string) => void;
}

/** Accepts a port from each page of ours. A page that connects anew (a reload) loses the port it had. */
export function openPortDesk({ ipcMain, onConnect, report = () => undefined }: PortDeskOptions): Dispose {
  const current = new Map<number, Channel>();
  const onPort = (event: Electron.IpcMainEvent) => {
    if (!isTrustedSender(event.senderFrame) || event.ports.length !== 1) {
      for (const port of event.ports) port.close();
      report('refused a port to a sender that is not our page');
      return;
    }
    const contentsId = event.sender.id;
    current.get(contentsId)?.close('the page was loaded again');
    const channel = portChannel(event.ports[0], 'the window was closed or loaded again');
    current.set(contentsId, channel);
    channel.onClose(() => {
      if (current.get(contentsId) === channel) current.delete(contentsId);
    });
    onConnect(channel);
  };
  ipcMain.on(CONNECT_CHANNEL, onPort);
  return () => {
    ipcMain.removeListener(CONNECT_CHANNEL, onPort);
    for (const channel of current.values()) channel.close('the workbench ends');
    current.clear();
  };
}
