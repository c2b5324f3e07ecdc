/** A WebSocket as a Channel: one JSON text frame a message, bounded both ways. */
import type { WebSocket } from 'ws';
import { createChannelCore, type Channel } from '#shared/rpc/channel.ts';

/** A page that does not read for so long that this much waits for it is cut off; it reconnects when it is back. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

/** Close codes: 1003 a message that is not JSON text, 1013 too slow, 1000 done. */
export function socketChannel(socket: WebSocket): Channel {
  const core = createChannelCore(
    (message) => {
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
        core.closed('the page does not read');
        socket.close(1013, 'too slow');
        socket.terminate();
        return;
      }
      socket.send(JSON.stringify(message));
    },
    (reason) => socket.close(1000, reason.slice(0, 120)),
  );
  socket.on('message', (data, isBinary) => {
    let message: unknown;
    try {
      if (isBinary) throw new Error('binary');
      message = JSON.parse((data as Buffer).toString('utf8'));
    } catch {
      core.closed('a message that is not JSON');
      socket.close(1003, 'text frames with JSON only');
      return;
    }
    core.receive(message);
  });
  socket.on('close', (_code, reason) => core.closed(reason.toString('utf8') || 'the connection ended'));
  socket.on('error', () => socket.terminate());
  return core.channel;
}
