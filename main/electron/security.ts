/**
 * What pages may not do: ask for permissions, leave our origin, open windows, embed a webview, use the network, or get
 * a port without being our main frame. The page shows text read from strangers' processes, so it is treated as if it
 * could one day be made to run their code.
 */
import type { Event, Session, WebContents, WebFrameMain } from 'electron';
import { isOwnUrl } from './origin.ts';

/**
 * Copying text that the user selected, and telling that long work has ended (the page asks in the click that switches it on).
 * Reading the clipboard is not asked for.
 */
export const ALLOWED_PERMISSIONS: readonly string[] = ['clipboard-sanitized-write', 'notifications'];

type GuardedSession = Pick<
  Session,
  'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'setDevicePermissionHandler' | 'webRequest'
>;
type GuardedContents = Pick<WebContents, 'on' | 'setWindowOpenHandler'>;
type SenderFrame = Pick<WebFrameMain, 'url' | 'parent'>;

/** URLs that a page of ours may load. DevTools brings its own pages; `blob:` and `data:` never leave the process. */
export function isLoadable(url: string): boolean {
  if (isOwnUrl(url) || url.startsWith('devtools://devtools/') || url.startsWith('data:')) return true;
  return url.startsWith('blob:') && isOwnUrl(url.slice('blob:'.length));
}

/** Refuses permissions, devices and every request that would leave the machine or reach a file. */
export function guardSession(session: GuardedSession): void {
  session.setPermissionRequestHandler((_contents, permission, decide, details) => {
    decide(ALLOWED_PERMISSIONS.includes(permission) && details.isMainFrame && isOwnUrl(details.requestingUrl));
  });
  session.setPermissionCheckHandler(
    (_contents, permission, requestingOrigin) => ALLOWED_PERMISSIONS.includes(permission) && isOwnUrl(requestingOrigin),
  );
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, decide) => decide({ cancel: !isLoadable(details.url) }));
}

/** Keeps one page where it is. To be called for every web contents the moment it is created. */
export function guardContents(contents: GuardedContents, report: (what: string) => void = () => undefined): void {
  const stay = (event: Event & { url: string }) => {
    if (isOwnUrl(event.url)) return;
    event.preventDefault();
    report(`refused to navigate to ${event.url.slice(0, 200)}`);
  };
  contents.on('will-navigate', stay);
  contents.on('will-redirect', stay);
  contents.on('will-frame-navigate', stay);
  contents.on('will-attach-webview', (event) => {
    event.preventDefault();
    report('refused a webview');
  });
  contents.setWindowOpenHandler(({ url }) => {
    report(`refused to open a window for ${url.slice(0, 200)}`);
    return { action: 'deny' };
  });
}

/** Whether a message comes from the main frame of one of our pages. A frame that is gone already is not trusted. */
export function isTrustedSender(frame: SenderFrame | null): boolean {
  return frame !== null && frame.parent === null && isOwnUrl(frame.url);
}
