/** From an address to a target: `ws://host:port/path`, or `http://host:port` whose list of targets is asked. */
import { WebSocket } from 'ws';
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import { connectionError, describeBrowser, readTargets, readVersion } from './devtools-http.ts';
import type { DevToolsTarget } from './devtools-http.ts';
import { pickTarget } from './devtools-target.ts';
import { findListeningPid, readCmdline, readDescendants, readStat } from './proc/read.ts';
import { titleOf } from './runtime/program-kind.ts';

export interface Endpoint {
  capture: CaptureTarget;
  kind: TargetKind;
  runtime: string;
  title: string;
}

export interface ConnectOptions {
  confirmRemote?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

const HANDSHAKE_TIMEOUT_MS = 5_000;

/**
 * Finds out what an address leads to without running anything in it.
 * Throws `invalid-argument` (not such an address), `permission` (another machine, not confirmed), `not-found` (nothing
 * listens), `unsupported` (not a DevTools endpoint), `busy` (its only client is another), `timeout`, `cancelled`.
 */
export async function resolveEndpoint(address: string, options: ConnectOptions = {}): Promise<Endpoint> {
  const url = parseAddress(address);
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const port = Number(url.port || 80);
  const local = isLoopback(host);
  if (!local && options.confirmRemote !== true) {
    throw new HeaphouseError('permission', `${host} is not this machine.`, {
      advice: 'Confirm that you want to connect to it. The connection is neither encrypted nor authenticated: an SSH tunnel (ssh -L) to a port of this machine is better.',
    });
  }
  const http = { signal: options.signal };
  const path = url.pathname + url.search;
  const byPath = url.protocol === 'ws:' && path !== '/';
  const version = await readVersion(host, port, http).catch((error: unknown) => {
    // A socket behind a proxy may have no HTTP side; then the socket itself must answer.
    if (byPath && error instanceof HeaphouseError && error.code === 'unsupported') return null;
    throw error;
  });
  const targets = await readTargets(host, port, http).catch((error: unknown) => {
    if (byPath && error instanceof HeaphouseError && error.code === 'unsupported') return [];
    throw error;
  });
  const listed = byPath ? targets.find((target) => target.webSocketUrl !== null && pathOf(target.webSocketUrl) === path) : pickTarget(targets);
  if (!byPath && !listed) {
    throw new HeaphouseError('busy', `${url.host} has no target that can be connected to.`, {
      advice: 'It has no page or program open, or another debugger is attached to it: close that one first.',
    });
  }
  const product = listed ? null : await probe(url, host, port, options.signal);
  const about = describeBrowser(version?.browser ?? product ?? '');
  // The address the user gave leads there (a tunnel may change host and port); the target's own idea of it may not.
  const webSocketUrl = byPath ? url.href : `ws://${url.host}${pathOf(listed?.webSocketUrl ?? '')}`;
  const process = local ? await localProcess(port, about.kind) : null;
  return {
    kind: process?.kind ?? about.kind,
    runtime: about.runtime,
    title: process?.title ?? titleOfTarget(listed ?? null, about.runtime, url.host),
    capture: {
      kind: process?.kind ?? about.kind,
      pid: process?.pid ?? null,
      webSocketUrl,
      waitsForDebugger: process?.waitsForDebugger ?? false,
      closeInspectorOnDetach: false,
    },
  };
}

function parseAddress(address: string): URL {
  const advice = 'Give ws://host:port/path or http://host:port, as the program prints it.';
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address.trim()) ? address.trim() : `http://${address.trim()}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new HeaphouseError('invalid-argument', `“${address.slice(0, 200)}” is not an address.`, { advice });
  }
  if (url.protocol === 'wss:' || url.protocol === 'https:') {
    throw new HeaphouseError('unsupported', 'DevTools endpoints do not speak TLS.', { advice: `${advice} For another machine use an SSH tunnel.` });
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'http:') {
    throw new HeaphouseError('invalid-argument', `An address cannot begin with ${url.protocol}//.`, { advice });
  }
  if (url.username !== '' || url.password !== '') {
    throw new HeaphouseError('invalid-argument', 'An address with a user name or password cannot be used.', { advice });
  }
  url.hash = '';
  return url;
}

/** Names are not resolved: only what cannot lead elsewhere counts. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function pathOf(webSocketUrl: string): string {
  try {
    const url = new URL(webSocketUrl);
    return url.pathname + url.search;
  } catch {
    return webSocketUrl.startsWith('/') ? webSocketUrl : `/${webSocketUrl}`;
  }
}

function titleOfTarget(target: DevToolsTarget | null, runtime: string, host: string): string {
  const title = target?.title.trim() || target?.url.trim() || '';
  return (title === '' ? `${runtime} at ${host}` : title).slice(0, 200);
}

async function localProcess(port: number, kind: TargetKind): Promise<{ pid: number; kind: TargetKind; title: string | null; waitsForDebugger: boolean } | null> {
  const pid = await findListeningPid(port);
  if (pid === null) return null;
  const argv = await readCmdline(pid);
  // A tunnel listens for somebody else: only what looks like the runtime itself is one.
  if (/(^|\/)(ssh|sshd|socat|docker-proxy|kubectl)$/.test(argv[0] ?? '') || (await readStat(pid)) === null) return null;
  // The process that listens for a browser is not the one whose page is looked at.
  if (kind === 'chromium') return { pid, kind, title: null, waitsForDebugger: false };
  const windows = kind === 'node' && /electron/i.test(argv[0] ?? '') && (await readDescendants(pid)).length > 0;
  return {
    pid,
    kind: windows ? 'electron' : kind,
    title: kind === 'node' || kind === 'python' ? titleOf(kind, argv) : null,
    waitsForDebugger: argv.some((arg) => /^--inspect-(brk|wait)(=|$)/.test(arg)),
  };
}

/** Opens the socket and asks who is there; any well-formed answer proves that it is a DevTools endpoint. */
function probe(url: URL, host: string, port: number, signal: AbortSignal | undefined): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelledError());
    const socket = new WebSocket(url, { handshakeTimeout: HANDSHAKE_TIMEOUT_MS, maxPayload: 1024 * 1024, perMessageDeflate: false, followRedirects: false });
    const timer = setTimeout(() => fail(new HeaphouseError('timeout', `${url.host} accepted the connection but does not answer.`, { advice: 'The program may be busy in native code or stopped. Try again.' })), HANDSHAKE_TIMEOUT_MS);
    const onAbort = () => fail(cancelledError());
    signal?.addEventListener('abort', onAbort);
    let settled = false;

    function finish(): boolean {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.on('error', () => undefined);
      socket.terminate();
      return true;
    }
    function fail(error: HeaphouseError): void {
      if (finish()) reject(error);
    }

    socket.on('unexpected-response', (_request, response) => {
      const missing = response.statusCode === 404 || response.statusCode === 400;
      fail(
        new HeaphouseError(missing ? 'not-found' : 'unsupported', `${url.host} refuses this address (HTTP ${response.statusCode ?? '?'}).`, {
          advice: missing ? 'The path of the address changes with every start of the program. Take the one it prints now, or give only http://host:port.' : 'It is not a DevTools endpoint, or it allows no further client.',
        }),
      );
    });
    socket.on('error', (error: NodeJS.ErrnoException) => fail(connectionError(host, port, error)));
    socket.on('close', () => fail(new HeaphouseError('unsupported', `${url.host} closed the connection.`, { advice: 'It is not a DevTools endpoint, or it allows no further client.' })));
    socket.on('open', () => socket.send(JSON.stringify({ id: 1, method: 'Browser.getVersion' })));
    socket.on('message', (data) => {
      let answer: unknown;
      try {
        answer = JSON.parse(String(data));
      } catch {
        return fail(new HeaphouseError('unsupported', `${url.host} is a WebSocket, but not a DevTools endpoint.`, { advice: 'Check the address.' }));
      }
      const { id, result } = (answer ?? {}) as { id?: unknown; result?: { product?: unknown } };
      // Events may come first. An error (Node.js has no Browser domain) is an answer as well.
      if (id !== 1) return;
      const product = result?.product;
      if (finish()) resolve(typeof product === 'string' ? product.slice(0, 512) : null);
    });
  });
}
