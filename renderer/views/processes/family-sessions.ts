/** Which sessions belong together. Pure. */
import type { SessionInfo } from '#shared/model/session.ts';

/** The first target of the session that `session` belongs to. */
export function rootOf(all: readonly SessionInfo[], session: SessionInfo): SessionInfo {
  const seen = new Set<string>();
  let root = session;
  while (root.parentId !== undefined && !seen.has(root.id)) {
    seen.add(root.id);
    const parent = all.find(({ id }) => id === root.parentId);
    if (!parent) break;
    root = parent;
  }
  return root;
}

/** A session and everything below it, each after its parent, in the order in which they were attached. */
export function familySessions(all: readonly SessionInfo[], session: SessionInfo): SessionInfo[] {
  const found: SessionInfo[] = [];
  function add(one: SessionInfo): void {
    if (found.includes(one)) return;
    found.push(one);
    for (const child of all.filter(({ parentId }) => parentId === one.id).sort((a, b) => a.createdAt - b.createdAt)) add(child);
  }
  add(rootOf(all, session));
  return found;
}
