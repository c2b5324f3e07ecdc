/**
 * The channel of a worker process to the Node process that forked it. Electron's utility processes have another way
 * (`electron-parent-channel.ts`); an entry tries that one first.
 */
import { createChannelCore, type Channel } from '#shared/rpc/channel.ts';

/**
 * Throws when the process has no parent to talk to. Closes when the parent goes away; what to do then is the host's.
 * The parent must fork with `serialization: 'advanced'` (structured clone, as on every other channel).
 */
export function channelFromParentProcess(): Channel {
  if (typeof process.send !== 'function') {
    throw new Error('This file is the entry of a worker process; it is started by Heaphouse and not by hand.');
  }
  const gone = () => core.closed('the parent process has ended');
  const core = createChannelCore(
    (message) => {
      if (!process.connected) return gone();
      process.send?.(message, undefined, undefined, (error) => {
        // Between the parent's end and our hearing of it.
        if (error) gone();
      });
    },
    () => {
      if (process.connected) process.disconnect();
    },
  );
  process.on('message', (message) => core.receive(message));
  process.once('disconnect', gone);
  return core.channel;
}
