/**
 * The content security policy of the window as data. One text serves every host: the `app://` protocol of Electron,
 * the web host and the tests. Heap contents are hostile text; this is the last of the walls they would have to pass.
 */

export interface ContentSecurityPolicyOptions {
  /** `ws://127.0.0.1:8123`: where the web host's socket is. Electron's window has none: it talks over a port. */
  webSocketOrigin?: string;
}

const WEB_SOCKET_ORIGIN = /^wss?:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/;

/** The policy's directives, each with its sources, in the order they are written. */
export function contentSecurityDirectives({ webSocketOrigin }: ContentSecurityPolicyOptions = {}): [string, string[]][] {
  if (webSocketOrigin !== undefined && !WEB_SOCKET_ORIGIN.test(webSocketOrigin)) {
    // A source with a space or a semicolon would open the policy instead of extending it.
    throw new TypeError(`not a WebSocket origin: ${JSON.stringify(webSocketOrigin.slice(0, 100))}`);
  }
  return [
    ['default-src', ["'none'"]],
    ['script-src', ["'self'"]],
    ['style-src', ["'self'"]],
    // `data:` and `blob:` carry icons and the images that charts and treemaps are drawn to.
    ['img-src', ["'self'", 'data:', 'blob:']],
    ['font-src', ["'self'"]],
    ['connect-src', webSocketOrigin === undefined ? ["'self'"] : ["'self'", webSocketOrigin]],
    ['worker-src', ["'self'"]],
    ['object-src', ["'none'"]],
    ['base-uri', ["'none'"]],
    ['form-action', ["'none'"]],
    ['frame-ancestors', ["'none'"]],
  ];
}

/** The value of the `Content-Security-Policy` header. Throws a TypeError for anything that is not a WebSocket origin. */
export function contentSecurityPolicy(options: ContentSecurityPolicyOptions = {}): string {
  return contentSecurityDirectives(options)
    .map(([directive, sources]) => `${directive} ${sources.join(' ')}`)
    .join('; ');
}
