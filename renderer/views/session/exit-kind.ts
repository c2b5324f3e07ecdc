import type { ExitInfo } from '#shared/model/target.ts';

/** An end without fault: success, or a signal by which somebody asked for it. */
export function endedInOrder(exit: ExitInfo | null): boolean {
  return exit !== null && ((exit.code === 0 && exit.signal === null) || exit.signal === 'SIGTERM' || exit.signal === 'SIGINT');
}
