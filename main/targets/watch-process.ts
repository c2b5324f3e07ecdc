/** Sees the end of a process that is not our child, and is not fooled by a pid that is used again. */
import type { Dispose } from '#shared/rpc/channel.ts';
import { isAlive, readStat } from './proc/read.ts';

const POLL_MS = 250;

/** Calls `onGone` once, also when the process is gone already. Does not keep our own process running. */
export function watchProcess(pid: number, onGone: () => void): Dispose {
  let stopped = false;
  let startTicks: number | null = null;

  async function look(): Promise<void> {
    let gone: boolean;
    if (process.platform === 'linux') {
      const info = await readStat(pid);
      startTicks ??= info?.startTicks ?? null;
      gone = info === null || info.state === 'Z' || info.state === 'X' || info.startTicks !== startTicks;
    } else {
      gone = !(await isAlive(pid));
    }
    if (stopped) return;
    if (gone) {
      stopped = true;
      onGone();
    } else {
      setTimeout(() => void look(), POLL_MS).unref();
    }
  }

  void look();
  return () => {
    stopped = true;
  };
}
