/** Lines of Electron's security checklist that say "never": no file of ours may so much as name the thing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|vue|html|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function naming(folder: string, pattern: RegExp): string[] {
  return filesUnder(folder).filter((file) => pattern.test(readFileSync(file, 'utf8')));
}

describe('desktop host', () => {
  test.each([
    ['shell.openExternal', /openExternal\s*\(/],
    ['file:// pages', /loadFile\s*\(|loadURL\(\s*['"`](file|http)/],
    ['running text as code in a page', /executeJavaScript|insertCSS/],
    ['a weakened web preference', /nodeIntegration\w*: true|contextIsolation: false|sandbox: false|webSecurity: false|webviewTag: true|allowRunningInsecureContent: true|experimentalFeatures: true|enableBlinkFeatures/],
    ['@electron/remote', /@electron\/remote/],
    ['a CSP that is bypassed', /bypassCSP|bypassCustomProtocolHandlers/],
    ['certificate errors that are passed over', /certificate-error|setCertificateVerifyProc/],
    ['synchronous IPC or IPC handlers beside the one port', /ipcMain\.(handle|once)|returnValue|sendSync/],
  ])('never uses %s', (_what, pattern) => {
    expect(naming('main/electron', pattern)).toEqual([]);
  });

  test('electron is imported nowhere else', () => {
    const importing = /from ['"]electron['"]|import\(['"]electron['"]\)|require\(['"]electron['"]\)/;
    for (const folder of ['main', 'renderer', 'shared']) {
      expect(naming(folder, importing).filter((file) => !file.includes(join('main', 'electron')))).toEqual([]);
    }
  });
});

describe('page', () => {
  test.each([
    ['v-html or innerHTML', /v-html|\.innerHTML\s*=|outerHTML\s*=|insertAdjacentHTML|document\.write/],
    ['text run as code', /\beval\(|new Function\(|setTimeout\(\s*['"`]/],
    ['inline script or style', /<script(?![^>]*\b(src|setup|lang)\b)[^>]*>|<style(?![^>]*\b(scoped|lang|module)\b)[^>]*>\s*[^<\s]|\son\w+="/],
    ['addresses of other hosts', /(?:src|href)="https?:/],
  ])('never uses %s', (_what, pattern) => {
    const files = naming('renderer', pattern).filter((file) => !/inline script/.test(_what) || file.endsWith('.html'));
    expect(files).toEqual([]);
  });
});
