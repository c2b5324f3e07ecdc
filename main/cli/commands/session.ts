/** `heaphouse session`: the sessions on disk, as lists, as single files, and gone. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatDateTime } from '#shared/format/dates.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { dataDir, defaultSessionDir, defaultSessionsDir } from '#main/storage/app-folders.ts';
import { deleteSession, listSessions, renameSession, type SavedSession } from '#main/storage/saved-sessions.ts';
import { ARCHIVE_ENDING, exportSession, importSession } from '#main/storage/session-archive.ts';
import { readSessionFile } from '#main/storage/session-file.ts';
import { SETTINGS_FILE, settingsFile } from '#main/storage/settings-file.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import type { SessionInvocation } from '../invocation.ts';
import { renderTable } from '../table.ts';

export async function runSession(invocation: SessionInvocation, context: CommandContext): Promise<ExitCode> {
  const { io, out, progress, signal } = context;
  const sessionsDir = await folderOf(context);
  const report = (what: string) => ({ signal, progress: (value: Parameters<typeof progress.update>[1]) => progress.update(what, value) });
  switch (invocation.action) {
    case 'list':
      await list(await listSessions(sessionsDir), sessionsDir, invocation, context);
      return EXIT.fine;
    case 'export': {
      const dir = await find(invocation.session, sessionsDir, context);
      const to = resolve(io.cwd, invocation.out ?? `${basename(dir)}${ARCHIVE_ENDING}`);
      if (await exists(to)) throw new HeaphouseError('io', `${to} exists already.`, { advice: 'Choose another name with --out.' });
      const { bytes } = await exportSession(dir, to, report('packing'));
      progress.clear();
      await out.write(`${visibleText(to, 4_096)} ${formatBytes(bytes)}\n`);
      return EXIT.fine;
    }
    case 'import': {
      const from = resolve(io.cwd, invocation.file);
      const to = invocation.out === null ? defaultSessionDir(sessionsDir, basename(from).replace(/\.heaphouse$/i, ''), Date.now()) : resolve(io.cwd, invocation.out);
      if (await exists(to)) throw new HeaphouseError('io', `${to} exists already.`, { advice: 'Choose another folder with --out.' });
      await importSession(from, to, report('unpacking'));
      progress.clear();
      await out.write(`${visibleText(to, 4_096)}\n`);
      return EXIT.fine;
    }
    case 'rename':
      await renameSession(await find(invocation.session, sessionsDir, context), invocation.title);
      return EXIT.fine;
    case 'delete': {
      const dir = await find(invocation.session, sessionsDir, context);
      const { title } = await readSessionFile(dir);
      if (!invocation.yes) {
        io.stderr.write(`heaphouse: this deletes "${visibleText(title, 200)}" in ${visibleText(dir, 4_096)} for good. Say --yes to do it.\n`);
        return EXIT.usage;
      }
      const { kept } = await deleteSession(dir);
      if (kept.length > 0) io.stderr.write(`Not ours and still in ${visibleText(dir, 4_096)}: ${kept.map((name) => visibleText(name, 100)).join(', ')}\n`);
      return EXIT.fine;
    }
  }
}

/** Where the window keeps its sessions, too. */
async function folderOf({ io }: CommandContext): Promise<string> {
  const { value, notice } = await settingsFile(join(dataDir(io.env), SETTINGS_FILE)).load();
  if (notice) io.stderr.write(`heaphouse: ${visibleText(notice, 2_000)}\n`);
  return value.sessionsDir ?? defaultSessionsDir(io.env);
}

/** A path of a folder, or the name of one in the sessions folder. */
async function find(session: string, sessionsDir: string, { io }: CommandContext): Promise<string> {
  const asPath = resolve(io.cwd, session);
  if (await exists(asPath)) return asPath;
  if (!/[\\/]/.test(session) && (await readdir(sessionsDir).catch(() => [] as string[])).includes(session)) return join(sessionsDir, session);
  throw new HeaphouseError('not-found', `There is no session ${session}.`, { advice: `Give the path of its folder, or a name that "heaphouse session list" shows.` });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function list(sessions: SavedSession[], sessionsDir: string, { format }: { format: 'table' | 'json' }, { out, io }: CommandContext): Promise<void> {
  if (format === 'json') {
    const rows = sessions.map(({ dir, file, bytes }) => ({
      dir,
      title: file.title,
      createdAt: new Date(file.createdAt).toISOString(),
      runtime: file.target?.runtime ?? null,
      snapshots: file.snapshots.filter(({ state }) => state === 'ready').length,
      bytes,
      exit: file.exit?.headline ?? null,
      notes: file.notes,
    }));
    await out.write(`${JSON.stringify({ schema: 'heaphouse.sessions', version: 1, sessionsDir, sessions: rows }, null, 2)}\n`);
    return;
  }
  if (sessions.length === 0) {
    await out.write(`No sessions in ${visibleText(sessionsDir, 4_096)}.\n`);
    return;
  }
  const table = renderTable(
    sessions,
    [
      { title: 'Session', align: 'left', text: ({ dir }: SavedSession) => basename(dir) },
      { title: 'Title', align: 'left', flexible: true, text: ({ file }) => file.title },
      { title: 'Runtime', align: 'left', text: ({ file }) => file.target?.runtime ?? '' },
      { title: 'Snapshots', align: 'right', text: ({ file }) => String(file.snapshots.filter(({ state }) => state === 'ready').length) },
      { title: 'Size', align: 'right', text: ({ bytes }) => formatBytes(bytes) },
      { title: 'Begun', align: 'left', text: ({ file }) => formatDateTime(file.createdAt) },
    ],
    io.stdoutColumns,
  );
  await out.write(`${table}in ${visibleText(sessionsDir, 4_096)}\n`);
}
