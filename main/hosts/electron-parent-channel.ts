/**
 * The child's end of main/electron/host-process.ts: inside an Electron utility process the first message of the parent
 * carries the port that is the channel. Electron need not be imported for it: `process.parentPort` is all there is.
 */
import { createChannelCore, type Channel } from '#shared/rpc/channel.ts';

interface UtilityPort {
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
}

interface ParentPort {
  once(event: 'message', listener: (event: { data: unknown; ports: UtilityPort[] }) => void): unknown;
}

/** The channel to the workbench, or null when this is not a utility process. Messages sent early wait in the port. */
export function electronParentChannel(): Promise<Channel> | null {
  const { parentPort } = process as NodeJS.Process & { parentPort?: ParentPort | null };
  if (!parentPort) return null;
  return new Promise((resolve, reject) => {
    parentPort.once('message', ({ ports: [port] }) => {
      if (!port) {
        reject(new Error('the first message of the workbench carries no port'));
        return;
      }
      const core = createChannelCore(
        (message) => port.postMessage(message),
        () => port.close(),
      );
      port.on('message', ({ data }) => core.receive(data));
      port.on('close', () => core.closed('the workbench closed the channel'));
      resolve(core.channel);
      // After the caller's listeners are on: a message that arrives before them would be lost.
      setImmediate(() => port.start());
    });
  });
}
