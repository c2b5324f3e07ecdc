/** Files on their way between the browser and the workbench: uploads to a private folder, downloads by one-time links. */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';

/** A download link works once and for this long. */
const LINK_LIFE_MS = 10 * 60 * 1000;
const MAX_NAME_CHARS = 120;

export interface Transfers {
  receive(request: IncomingMessage, response: ServerResponse, name: string): Promise<void>;
  /** URL path of a one-time link to the file. */
  offer(path: string, suggestedName: string): string;
  send(response: ServerResponse, id: string): Promise<void>;
  dispose(): Promise<void>;
}

/** A name that is only a name: no folders, no control characters, not hidden, not endless. */
export function safeFileName(name: string): string {
  const cleaned = basename(name.replace(/\\/g, '/'))
     
    .replace(/[\u0000-\u001f\u007f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '_')
    .replace(/^\.+/, '')
    .slice(-MAX_NAME_CHARS);
  return cleaned || 'file';
}

export function createTransfers(): Transfers {
  const offers = new Map<string, { path: string; name: string; until: number }>();
  let uploadDir: Promise<string> | null = null;

  async function receive(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    let path = '';
    try {
      uploadDir ??= mkdtemp(join(tmpdir(), 'heaphouse-upload-'));
      const dir = join(await uploadDir, randomBytes(6).toString('hex'));
      await mkdir(dir, { mode: 0o700 });
      path = join(dir, safeFileName(name));
      await pipeline(request, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ path }));
    } catch (error) {
      if (path) await rm(path, { force: true });
      if (response.headersSent || response.destroyed) return;
      response.statusCode = 507;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ error: toWireError(ioError(error, 'write', path || tmpdir())) }));
    }
  }

  return {
    receive,
    offer(path, suggestedName) {
      const now = Date.now();
      for (const [id, offer] of offers) if (offer.until < now) offers.delete(id);
      const id = randomBytes(16).toString('hex');
      offers.set(id, { path, name: safeFileName(suggestedName), until: now + LINK_LIFE_MS });
      return `/download/${id}`;
    },
    async send(response, id) {
      const offer = offers.get(id);
      offers.delete(id);
      if (!offer || offer.until < Date.now()) throw new HeaphouseError('not-found', 'This link has been used or is too old.');
      const { size } = await stat(offer.path).catch((error: unknown) => {
        throw ioError(error, 'read', offer.path);
      });
      response.setHeader('Content-Type', 'application/octet-stream');
      response.setHeader('Content-Length', size);
      response.setHeader('Cache-Control', 'no-store');
      const ascii = offer.name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
      response.setHeader('Content-Disposition', `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(offer.name)}`);
      createReadStream(offer.path)
        .on('error', () => response.destroy())
        .pipe(response);
    },
    async dispose() {
      const dir = await uploadDir?.catch(() => null);
      if (dir) await rm(dir, { recursive: true, force: true });
    },
  };
}
