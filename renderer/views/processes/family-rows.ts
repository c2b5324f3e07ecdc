/** The rows of a session's processes: targets, what they started, and worker threads under their process. Pure. */
import type { Family, FamilyPage, FamilyThread } from '#shared/contracts/family.ts';
import type { SessionInfo } from '#shared/model/session.ts';
import type { TargetKind } from '#shared/model/target.ts';
import type { WireError } from '#shared/rpc/errors.ts';

export interface FamilyRow {
  key: string;
  kind: TargetKind;
  pid: number | null;
  depth: number;
  title: string;
  commandLine: string;
  rssBytes: number | null;
  session: SessionInfo | null;
  blocked: string | null;
  helper: boolean;
  problem: WireError | null;
  /** A page, frame or worker of a browser that is no target yet. */
  page: FamilyPage | null;
  /** In the order of their numbers. */
  threads: readonly FamilyThread[];
}

/** The first target, then its processes in the order of the tree, then targets whose process has ended. */
export function familyRows(targets: readonly SessionInfo[], family: Family | null, failures: ReadonlyMap<number | string, WireError>): FamilyRow[] {
  const [root] = targets;
  if (!root) return [];
  const threadsOf = (session: SessionInfo | null) => (session === null ? [] : (family?.threads ?? []).filter(({ sessionId }) => sessionId === session.id));
  function fromSession(session: SessionInfo, depth: number): FamilyRow {
    return {
      key: session.id,
      kind: session.target?.kind ?? 'v8',
      pid: session.target?.pid ?? null,
      depth,
      title: session.title,
      commandLine: session.target?.commandLine ?? '',
      rssBytes: null,
      session,
      blocked: null,
      helper: false,
      problem: null,
      page: null,
      threads: threadsOf(session),
    };
  }

  const list: FamilyRow[] = [{ ...fromSession(root, 0), rssBytes: family?.target?.rssBytes ?? null }];
  for (const member of family?.members ?? []) {
    const stops = member.preflight.problems.find(({ severity }) => severity === 'stops');
    const session = targets.find(({ id, target }) => id === member.sessionId || (member.sessionId === null && target?.pid === member.pid && target.startedAt === member.startedAt)) ?? null;
    list.push({
      key: `p${member.pid}`,
      kind: member.kind,
      pid: member.pid,
      depth: member.depth,
      title: member.title,
      commandLine: member.commandLine,
      rssBytes: member.rssBytes,
      session,
      blocked: member.sessionId === null && stops ? `${stops.message} ${stops.advice}` : null,
      helper: member.helper,
      problem: failures.get(member.pid) ?? member.problem,
      page: null,
      threads: threadsOf(session),
    });
  }
  for (const page of family?.pages ?? []) {
    const session = page.sessionId === null ? null : (targets.find(({ id }) => id === page.sessionId) ?? null);
    if (session === root) continue;
    list.push({
      ...fromSession(session ?? root, 1),
      key: `page-${page.pageId}`,
      pid: null,
      title: page.title,
      commandLine: page.url,
      session,
      problem: failures.get(page.pageId) ?? null,
      page: session ? null : page,
      threads: [],
    });
  }
  const placed = new Set(list.map(({ session }) => session?.id));
  for (const target of targets) if (!placed.has(target.id)) list.push(fromSession(target, 1));
  return list;
}
