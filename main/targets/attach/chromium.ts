/** A browser or Electron application through the debugging port it opened at its start. */
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { describeBrowser, readTargets, readVersion } from '../devtools-http.ts';
import { pickTarget } from '../devtools-target.ts';

export interface BrowserEntry {
  webSocketUrl: string;
  runtime: string;
  title: string;
}

export async function enterBrowser(pid: number, port: number, signal: AbortSignal | undefined): Promise<BrowserEntry> {
  const version = await readVersion('127.0.0.1', port, { signal });
  const target = pickTarget(await readTargets('127.0.0.1', port, { signal }));
  if (!target?.webSocketUrl) {
    throw new HeaphouseError('busy', `Process ${pid} has no page that can be connected to.`, { advice: 'Open a page, or close the developer tools that are attached to it.' });
  }
  return { webSocketUrl: target.webSocketUrl, runtime: describeBrowser(version.browser).runtime, title: target.title.trim() || target.url };
}
