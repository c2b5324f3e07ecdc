/** Which of an endpoint's targets is meant when only the port is known. */
import type { DevToolsTarget } from './devtools-http.ts';

/** Node.js and our Python agent have one. A browser has many: the first page that is not a tool of the browser itself. */
export function pickTarget(targets: readonly DevToolsTarget[]): DevToolsTarget | null {
  const open = targets.filter((target) => target.webSocketUrl !== null);
  const pages = open.filter((target) => target.type === 'page');
  return (
    open.find((target) => target.type === 'node') ??
    pages.find((target) => !/^(devtools|chrome-extension|chrome):/.test(target.url)) ??
    pages[0] ??
    open[0] ??
    null
  );
}
