/** The two transports a page can have: a MessagePort from Electron's preload, or a WebSocket to the web host. */
import { createChannelCore, type Channel } from '#shared/rpc/channel.ts';

/** Structured clone over a MessagePort. The port is started here. */
export function channelFromPort(port: MessagePort): Channel {
  const core = createChannelCore(
    (message) => port.postMessage(message),
    () => port.close(),
  );
  port.addEventListener('message', (event) => core.receive(event.data));
  port.addEventListener('messageerror', () => core.closed('a message could not be read'));
  port.addEventListener('close', () => core.closed('the workbench closed its port'));
  port.start();
  return core.channel;
}

/** JSON text frames over a WebSocket. Resolves once open; rejects when it never opens. */
export function channelFromWebSocket(socket: WebSocket): Promise<Channel> {
  const core = createChannelCore(
    (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    () => socket.close(1000),
  );
  return new Promise((resolve, reject) => {
    // Frames may arrive in the same turn as `open`, before the caller has added its listener.
    const early: unknown[] = [];
    let handedOver = false;
    socket.addEventListener('open', () => {
      resolve(core.channel);
      setTimeout(() => {
        handedOver = true;
        for (const message of early.splice(0)) core.receive(message);
      });
    });
    socket.addEventListener('message', (event) => {
      const message = parseFrame(event.data);
      if (message === undefined) return;
      if (handedOver) core.receive(message);
      else early.push(message);
    });
    socket.addEventListener('close', (event) => {
      const reason = event.reason || (event.code === 1006 ? 'the connection was lost' : `closed with code ${event.code}`);
      core.closed(reason);
      reject(new Error(reason));
    });
  });
}

function parseFrame(data: unknown): unknown {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return undefined;
  }
}
