/**
 * The processes that a session's target has started (scope: none; main answers): multiprocessing workers, pre-forked
 * servers, `child_process` and `cluster` children, pages of a browser. Each can become a target of the same session, on the same time axis.
 */
import * as v from 'valibot';
import type { ProcessInfo, WorkerThread } from '../model/target.ts';
import { defineService, event, method, type Progress } from '../rpc/define-service.ts';
import type { WireError } from '../rpc/errors.ts';
import { pid, sessionId } from './common.ts';

export interface FamilyMember extends ProcessInfo {
  /** 1 for a child of the target, 2 for its child, … */
  depth: number;
  /** Why following did not attach to it; null where it has not been tried or has worked. */
  problem: WireError | null;
  /** Not a worker but a helper of the runtime (multiprocessing's resource tracker): following leaves it alone. */
  helper: boolean;
}

/** A thread of a target of this session. Its snapshots are taken through that target's session. */
export interface FamilyThread extends WorkerThread {
  sessionId: string;
}

/** A page, frame or worker of a browser or an Electron application. */
export interface FamilyPage {
  /** Names it in `attachPage`. */
  pageId: string;
  /** `page`, `iframe`, `worker`, `service_worker`, … */
  type: string;
  title: string;
  url: string;
  /** The session that is connected to it. */
  sessionId: string | null;
}

export interface Family {
  /** New descendants are attached to as they appear. */
  following: boolean;
  /** The target's own process; null when it has ended. */
  target: ProcessInfo | null;
  /** In the order of the tree: each after its parent. Ended processes are left out. */
  members: FamilyMember[];
  /** Worker threads of the attached Node.js targets, by session and thread id. */
  threads: FamilyThread[];
  /** Of a browser or an Electron application whose debugging port is open. */
  pages: FamilyPage[];
}

export const familyContract = defineService('family', {
  methods: {
    list: method<Family>()(v.object({ sessionId })),
    /** Attaches to one of them; the new session has this one as its parent and lies in its folder. */
    attach: method<{ sessionId: string }, Progress>()(v.object({ sessionId, pid })),
    attachPage: method<{ sessionId: string }, Progress>()(v.object({ sessionId, pageId: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)) })),
    follow: method<Family>()(v.object({ sessionId, on: v.boolean() })),
  },
  events: {
    /** At once, then whenever it changed, looked at every second while somebody subscribes or follows. */
    changed: event<Family>()(v.object({ sessionId })),
  },
});
