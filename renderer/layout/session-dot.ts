import type { SessionInfo } from '#shared/model/session.ts';
import { endedInOrder } from '../views/session/exit-kind.ts';

/** Class of the small round mark before a session's name. */
export function dotOf(session: SessionInfo): string {
  if (session.kind !== 'live') return 'file';
  return endedInOrder(session.exit) ? 'ended' : session.state;
}
