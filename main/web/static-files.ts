/** Serves the built pages. Only files inside the folder, only types we ship, never a listing. */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Absolute path of the file for a URL path, or null if there is none we serve. */
export async function findStaticFile(root: string, urlPath: string): Promise<string | null> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  if (decoded.includes('\0') || decoded.includes('\\')) return null;
  const wanted = join(root, decoded === '/' ? 'index.html' : decoded);
  if (!(extname(wanted) in TYPES)) return null;
  try {
    // Real paths on both sides: neither ".." nor a link may lead out of the folder.
    const [inside, folder] = await Promise.all([realpath(wanted), realpath(root)]);
    if (!inside.startsWith(folder + sep)) return null;
    return (await stat(inside)).isFile() ? inside : null;
  } catch {
    return null;
  }
}

export function sendFile(response: ServerResponse, path: string): void {
  const hashed = /-[A-Za-z0-9_-]{8,}\.\w+$/.test(path);
  response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
  response.setHeader('Cache-Control', hashed ? 'private, max-age=31536000, immutable' : 'no-store');
  createReadStream(path)
    .on('error', () => response.destroy())
    .pipe(response);
}
