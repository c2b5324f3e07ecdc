/** The HTTP side of a DevTools endpoint: `/json/version` and `/json/list`, bounded and checked. */
import { request } from 'node:http';
import * as v from 'valibot';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 3_000;

export interface DevToolsVersion {
  /** `node.js/v20.20.2`, `Chrome/146.0`, `CPython/3.11.7` */
  browser: string;
  protocol: string;
  /** The browser's own endpoint; only Chromium and Electron's windows have one. */
  webSocketUrl: string | null;
}

export interface DevToolsTarget {
  id: string;
  type: string;
  title: string;
  url: string;
  /** Null when another client is attached (old Chromium) or the target has none. */
  webSocketUrl: string | null;
}

const versionSchema = v.object({
  Browser: v.pipe(v.string(), v.maxLength(512)),
  'Protocol-Version': v.optional(v.pipe(v.string(), v.maxLength(32)), ''),
  webSocketDebuggerUrl: v.optional(v.pipe(v.string(), v.maxLength(2_048))),
});

const listSchema = v.array(
  v.object({
    id: v.optional(v.string(), ''),
    type: v.optional(v.string(), ''),
    title: v.optional(v.string(), ''),
    url: v.optional(v.string(), ''),
    webSocketDebuggerUrl: v.optional(v.string()),
  }),
);

export interface HttpOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

export async function readVersion(host: string, port: number, options: HttpOptions = {}): Promise<DevToolsVersion> {
  const value = await getJson(host, port, '/json/version', options);
  const parsed = v.safeParse(versionSchema, value);
  if (!parsed.success) throw notDevTools(host, port, 'Its /json/version has no field “Browser”.');
  return {
    browser: parsed.output.Browser,
    protocol: parsed.output['Protocol-Version'],
    webSocketUrl: parsed.output.webSocketDebuggerUrl ?? null,
  };
}

export async function readTargets(host: string, port: number, options: HttpOptions = {}): Promise<DevToolsTarget[]> {
  const value = await getJson(host, port, '/json/list', options);
  const parsed = v.safeParse(listSchema, value);
  if (!parsed.success) throw notDevTools(host, port, 'Its /json/list is not a list of targets.');
  return parsed.output.slice(0, 10_000).map((target) => ({
    id: target.id,
    type: target.type,
    title: target.title,
    url: target.url,
    webSocketUrl: target.webSocketDebuggerUrl ?? null,
  }));
}

/** Kind and runtime from the `Browser` field. Electron says `Chrome/…` there and itself only in the user agent. */
export function describeBrowser(browser: string): { kind: TargetKind; runtime: string } {
  const [, product = '', version = ''] = /^([^/]+)\/(.*)$/.exec(browser) ?? [];
  if (/^c?python$/i.test(product)) return { kind: 'python', runtime: `CPython ${version}` };
  if (/^node\.js$/i.test(product)) return { kind: 'node', runtime: `Node.js ${version}` };
  if (/^electron$/i.test(product)) return { kind: 'electron', runtime: `Electron ${version}` };
  if (/chrome|chromium|^edg/i.test(product)) return { kind: 'chromium', runtime: `Chromium ${version}` };
  return { kind: 'v8', runtime: browser === '' ? 'DevTools endpoint' : browser.slice(0, 100) };
}

export function hostForUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** Where others can see it an address is shown without its path: the path is the key. */
function at(host: string, port: number): string {
  return `${hostForUrl(host)}:${port}`;
}

function notDevTools(host: string, port: number, detail: string): HeaphouseError {
  return new HeaphouseError('unsupported', `What listens on ${at(host, port)} is not a DevTools endpoint.`, {
    advice: 'Check the port: a program prints it as “Debugger listening on ws://…” or “DevTools listening on ws://…”.',
    detail,
  });
}

function getJson(host: string, port: number, path: string, { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: HttpOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelledError());
    const bare = host.startsWith('[') ? host.slice(1, -1) : host;
    // No agent: nothing stays open. Redirects are not followed.
    const call = request({ host: bare, port, path, method: 'GET', agent: false, headers: { Host: at(host, port), Accept: 'application/json' } });
    const timer = setTimeout(() => {
      fail(new HeaphouseError('timeout', `${at(host, port)} does not answer.`, { advice: 'The program may be busy in native code or stopped. Try again.' }));
    }, timeoutMs);
    const onAbort = () => fail(cancelledError());
    signal?.addEventListener('abort', onAbort);

    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    function fail(error: HeaphouseError): void {
      done();
      call.destroy();
      reject(error);
    }

    call.on('error', (error: NodeJS.ErrnoException) => fail(connectionError(host, port, error)));
    call.on('response', (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        fail(notDevTools(host, port, `${path} answers ${response.statusCode} ${response.statusMessage ?? ''}`.trim()));
        return;
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > MAX_ANSWER_BYTES) fail(notDevTools(host, port, `${path} answers with more than ${MAX_ANSWER_BYTES} bytes.`));
      });
      response.on('error', (error: NodeJS.ErrnoException) => fail(connectionError(host, port, error)));
      response.on('end', () => {
        done();
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        } catch {
          reject(notDevTools(host, port, `${path} does not answer with JSON.`));
        }
      });
    });
    call.end();
  });
}

/** Network failures in words; also used for WebSocket connections. */
export function connectionError(host: string, port: number, error: NodeJS.ErrnoException): HeaphouseError {
  const where = at(host, port);
  const detail = `${error.code ?? ''} ${error.message}`.trim();
  switch (error.code) {
    case 'ECONNREFUSED':
      return new HeaphouseError('not-found', `Nothing listens on ${where}.`, { advice: 'Start the program with its debugging port open, and check the number.', detail });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new HeaphouseError('not-found', `There is no host ${host}.`, { advice: 'Check the name, or use its IP address.', detail });
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new HeaphouseError('timeout', `${where} cannot be reached.`, { advice: 'Check the network, or use an SSH tunnel to the machine.', detail });
    case 'ECONNRESET':
    case 'EPIPE':
      return new HeaphouseError('unsupported', `${where} closed the connection.`, { advice: 'It is probably not a DevTools endpoint, or it wants TLS, which DevTools endpoints do not speak.', detail });
    default:
      return new HeaphouseError('unsupported', `What listens on ${where} does not speak HTTP.`, { advice: 'It is not a DevTools endpoint, or it wants TLS, which DevTools endpoints do not speak.', detail });
  }
}
