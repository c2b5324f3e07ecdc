/** Pages, frames and workers of a browser or an Electron application: each a target of its own behind one debugging port. */
import { createHash } from 'node:crypto';
import type { FamilyPage } from '#shared/contracts/family.ts';
import type { SessionInfo } from '#shared/model/session.ts';
import type { ProcessInfo } from '#shared/model/target.ts';
import type { CallContext, Progress } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { resolveEndpoint } from '#main/targets/connect.ts';
import { readTargets, type DevToolsTarget } from '#main/targets/devtools-http.ts';
import { fromEndpoint } from './live-target.ts';
import type { LiveSessions } from './live-sessions.ts';

const HAS_A_HEAP = new Set(['page', 'iframe', 'webview', 'background_page', 'worker', 'shared_worker', 'service_worker']);
/** A browser with more is used by somebody who knows the address of the one that is meant. */
const MAX_PAGES = 200;
const LOOPBACK = '127.0.0.1';

/** The debugging port of a browser's session on this machine; null for everything else. */
export function pagePort(session: SessionInfo, target: ProcessInfo | null): number | null {
  const kind = session.target?.kind;
  if (kind !== 'chromium' && kind !== 'electron') return null;
  if (target && target.openPort !== null) return target.openPort;
  // A main process reached through its inspector has its pages behind another port, which is not known then.
  const endpoint = session.target?.endpoint ?? null;
  if (kind !== 'chromium' || endpoint === null) return null;
  const url = new URL(endpoint);
  return url.hostname === LOOPBACK && url.port !== '' ? Number(url.port) : null;
}

/** `connected`: session id to the id of the page it is connected to. Pages whose list cannot be read are none. */
export async function readPages(port: number, connected: ReadonlyMap<string, string>): Promise<FamilyPage[]> {
  const sessionOf = new Map([...connected].map(([session, page]) => [page, session]));
  return (await listed(port).catch(() => [])).map(({ id, type, title, url }) => ({
    pageId: keyOf(id),
    type,
    title: title.trim() || url,
    url,
    sessionId: sessionOf.get(id) ?? null,
  }));
}

async function listed(port: number): Promise<DevToolsTarget[]> {
  const targets = await readTargets(LOOPBACK, port);
  return targets.filter(({ id, type, url }) => id !== '' && HAS_A_HEAP.has(type) && !url.startsWith('devtools:')).slice(0, MAX_PAGES);
}

/** The id of a page opens it to whoever knows it: it does not leave this process. */
function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 16);
}

export async function attachPage(sessions: LiveSessions, parent: SessionInfo, port: number, pageId: string, context: CallContext<Progress>): Promise<{ sessionId: string }> {
  const page = (await listed(port)).find(({ id }) => keyOf(id) === pageId);
  if (!page?.webSocketUrl) {
    throw new HeaphouseError('not-found', 'That page is not open any more, or another client holds it.', { advice: 'Choose one of those that are listed now.' });
  }
  const { pathname } = new URL(page.webSocketUrl);
  const endpoint = await resolveEndpoint(`ws://${LOOPBACK}:${port}${pathname}`, { signal: context.signal });
  const title = page.title.trim() || page.url;
  return { sessionId: await sessions.begin({ ...fromEndpoint(endpoint, page.url), title }, title, context, parent) };
}
