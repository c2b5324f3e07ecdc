/** Opens the one channel of this page, whichever host it runs in. */
import type { Channel } from '#shared/rpc/channel.ts';
import { PORT_MESSAGE, type WindowBridge } from '#shared/contracts/window-bridge.ts';
import { channelFromPort, channelFromWebSocket } from './channels.ts';

export type OpenChannel = () => Promise<Channel>;

/** Electron hands over a port; the web host listens on `rpc` next to the page (its cookie is the authorisation). */
export const openChannel: OpenChannel = async () => {
  if (window.heaphouse) return channelFromPort(await portFromBridge(window.heaphouse));
  const url = new URL('rpc', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  return channelFromWebSocket(new WebSocket(url));
};

/** A port cannot cross Electron's context bridge: it comes as a message of the window to itself, told by its nonce. */
function portFromBridge(bridge: WindowBridge<File>): Promise<MessagePort> {
  const nonce = crypto.randomUUID();
  return new Promise((resolve) => {
    const onMessage = (event: MessageEvent<{ type?: unknown; nonce?: unknown } | null>) => {
      if (event.source !== window || event.data?.type !== PORT_MESSAGE || event.data.nonce !== nonce) return;
      window.removeEventListener('message', onMessage);
      resolve(event.ports[0]);
    };
    window.addEventListener('message', onMessage);
    bridge.connect(nonce);
  });
}
