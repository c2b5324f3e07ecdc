import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OpenRequest } from '#shared/contracts/shell.ts';
import { openDialogOptions, safeFileName, saveDialogOptions } from '#main/electron/dialogs.ts';
import { createMailbox, createShellService, ownMemory } from '#main/electron/shell-service.ts';

const context = { signal: new AbortController().signal, progress: () => undefined };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-shell-'));
  mkdirSync(join(dir, 'exports'));
  writeFileSync(join(dir, 'exports', 'report.html'), '<p>report</p>');
  writeFileSync(join(dir, 'secret'), 'secret');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function service(chosen: string | null) {
  const shown: { defaultPath?: string }[] = [];
  const parts = {
    app: { getPath: () => dir, getVersion: () => '1.2.3', getAppMetrics: () => [] },
    dialog: {
      showOpenDialog: (options: { defaultPath?: string }) => {
        shown.push(options);
        return Promise.resolve({ canceled: chosen === null, filePaths: chosen === null ? [] : [chosen] });
      },
      showSaveDialog: (options: { defaultPath?: string }) => {
        shown.push(options);
        return Promise.resolve({ canceled: chosen === null, filePath: chosen ?? '' });
      },
    },
    window: () => null,
    sessionsDir: join(dir, 'sessions'),
    cwd: dir,
    exportable: () => Promise.resolve([join(dir, 'exports'), join(dir, 'gone')]),
    openRequests: createMailbox<OpenRequest>(),
    commands: createMailbox<string>(),
  };
  return { shell: createShellService(parts as never), shown, parts };
}

describe('shell service', () => {
  test('info names the host and the versions', async () => {
    const info = await service(null).shell.methods.info({}, context as never);
    expect(info).toMatchObject({ host: 'electron', appVersion: '1.2.3', nativeDialogs: true, sessionsDir: join(dir, 'sessions') });
    expect(info.versions.map(({ name }) => name)).toEqual(['Heaphouse', 'Electron', 'Chromium', 'Node.js', 'V8', 'System']);
  });

  test('saves an export where the user says', async () => {
    const target = join(dir, 'saved.html');
    const { shell, shown } = service(target);
    const saved = await shell.methods.saveFile({ sourcePath: join(dir, 'exports', 'report.html'), suggestedName: 'a report.html' }, context as never);
    expect(saved).toEqual({ savedPath: target, downloadUrl: null });
    expect(readFileSync(target, 'utf8')).toBe('<p>report</p>');
    expect(shown[0].defaultPath).toBe(join(dir, 'a report.html'));
  });

  test('saves nothing when cancelled', async () => {
    const { shell } = service(null);
    const saved = await shell.methods.saveFile({ sourcePath: join(dir, 'exports', 'report.html'), suggestedName: 'x' }, context as never);
    expect(saved).toEqual({ savedPath: null, downloadUrl: null });
  });

  test('copies nothing that the workbench has not exported, not even through a link', async () => {
    const { shell, shown } = service(join(dir, 'stolen'));
    symlinkSync(join(dir, 'secret'), join(dir, 'exports', 'link'));
    for (const path of [join(dir, 'secret'), join(dir, 'exports', '..', 'secret'), join(dir, 'exports', 'link'), '/etc/passwd']) {
      await expect(shell.methods.saveFile({ sourcePath: path, suggestedName: 'x' }, context as never), path).rejects.toMatchObject({ code: 'permission' });
    }
    await expect(shell.methods.saveFile({ sourcePath: join(dir, 'exports', 'no'), suggestedName: 'x' }, context as never)).rejects.toMatchObject({ code: 'not-found' });
    expect(shown).toEqual([]);
  });

  test('a place that cannot be written says so', async () => {
    const { shell } = service(join(dir, 'no', 'such', 'folder.html'));
    await expect(
      shell.methods.saveFile({ sourcePath: join(dir, 'exports', 'report.html'), suggestedName: 'x' }, context as never),
    ).rejects.toMatchObject({ code: 'io', advice: expect.stringContaining('another folder') });
  });

  test('an open request waits for the window, once', () => {
    const { shell, parts } = service(null);
    parts.openRequests.post({ kind: 'files', paths: ['/a'] });
    const seen: OpenRequest[] = [];
    const stop = shell.events.openRequest({}, (request) => seen.push(request));
    parts.openRequests.post({ kind: 'session', sessionId: 's-1' });
    stop();
    const later: OpenRequest[] = [];
    shell.events.openRequest({}, (request) => later.push(request));
    expect(seen).toEqual([{ kind: 'files', paths: ['/a'] }, { kind: 'session', sessionId: 's-1' }]);
    expect(later).toEqual([]);
  });

  test('memory of our processes is in bytes', () => {
    const metric = (pid: number, type: string, workingSetSize: number, name?: string) => ({ pid, type, name, memory: { workingSetSize } });
    expect(ownMemory([metric(1, 'Browser', 100), metric(2, 'Utility', 50, 'Heaphouse session host')] as never)).toEqual({
      rssBytes: 150 * 1_024,
      processes: [
        { name: 'Heaphouse', pid: 1, rssBytes: 102_400 },
        { name: 'Heaphouse session host', pid: 2, rssBytes: 51_200 },
      ],
    });
  });
});

describe('dialogs', () => {
  test('always say where they begin', () => {
    for (const what of ['snapshots', 'session', 'folder'] as const) expect(openDialogOptions(what, '/start').defaultPath).toBe('/start');
    expect(saveDialogOptions('x.csv', '/down')).toMatchObject({ defaultPath: join('/down', 'x.csv'), filters: [{ extensions: ['csv'] }, { extensions: ['*'] }] });
  });

  test('let every kind of file be chosen that opens', () => {
    const { filters } = openDialogOptions('snapshots', '/start');
    expect(filters?.[0].extensions).toEqual(['heapsnapshot', 'heaptimeline', 'json', 'gz', 'zst', 'heaphouse']);
    expect(filters?.at(-1)?.extensions).toEqual(['*']);
    expect(saveDialogOptions('session.heaphouse', '/down').filters?.[0]).toEqual({ name: 'Heaphouse session', extensions: ['heaphouse'] });
    expect(saveDialogOptions('report.md', '/down').filters?.[0]).toEqual({ name: 'Markdown', extensions: ['md'] });
  });

  test.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['.bashrc', '_bashrc'],
    ['a\u0000b\n.html', 'a_b_.html'],
    ['evil\u202elmth.exe', 'evil_lmth.exe'],
    ['con<>:"|?*', 'con_______'],
    ['   ', 'heaphouse'],
    ['', 'heaphouse'],
    ['report. . .', 'report'],
  ])('%j is saved as %j', (suggested, name) => {
    expect(safeFileName(suggested)).toBe(name);
  });
});
