/**
 * `app://workbench/…`: the built pages, and nothing else, as a standard secure origin. The renderer has no `file://`,
 * so a path that escapes the folder would be the only way out; it is refused after every kind of decoding.
 */
import { readFile } from 'node:fs/promises';
import { extname, isAbsolute, join, relative, sep } from 'node:path';
import type { CustomScheme } from 'electron';
import { contentSecurityPolicy } from '#shared/model/csp.ts';
import { APP_SCHEME, isOwnUrl } from './origin.ts';

/** Must be given to `protocol.registerSchemesAsPrivileged` before `ready`. */
export const APP_SCHEME_PRIVILEGES: CustomScheme = {
  scheme: APP_SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
};

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/** File for a URL of ours inside `rootDir`, or null when the URL asks for anything else. Pure: nothing is read. */
export function fileForUrl(rootDir: string, url: string): string | null {
  if (!isOwnUrl(url)) return null;
  let path: string;
  try {
    path = decodeURIComponent(new URL(url).pathname);
  } catch {
    return null;
  }
  // A second layer of escapes, a backslash or a NUL has no place in the names of our own build.
  if (/[\0\\%:]/.test(path) || path.split('/').includes('..')) return null;
  const file = join(rootDir, path === '/' || path === '' ? 'index.html' : path);
  const inside = relative(rootDir, file);
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? null : file;
}

function headersFor(file: string): Record<string, string> {
  return {
    'Content-Type': CONTENT_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Security-Policy': contentSecurityPolicy(),
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
  };
}

function refusal(status: number, text: string): Response {
  return new Response(text, { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Security-Policy': contentSecurityPolicy() } });
}

/** Handler for `protocol.handle`. `read` is the file system's own except in tests. */
export function createAppHandler(
  rootDir: string,
  read: (file: string) => Promise<Uint8Array<ArrayBuffer>> = (file) => readFile(file),
): (request: { url: string; method: string }) => Promise<Response> {
  return async ({ url, method }) => {
    if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'Only GET is served here.');
    const file = fileForUrl(rootDir, url);
    if (file === null) return refusal(404, 'There is no such page.');
    try {
      const bytes = await read(file);
      return new Response(method === 'HEAD' ? null : bytes, { status: 200, headers: headersFor(file) });
    } catch {
      return refusal(404, 'There is no such page.');
    }
  };
}
