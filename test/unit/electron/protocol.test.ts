import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { APP_SCHEME_PRIVILEGES, createAppHandler, fileForUrl } from '#main/electron/protocol.ts';
import { isOwnUrl } from '#main/electron/origin.ts';
import { contentSecurityPolicy } from '#shared/model/csp.ts';

const root = join('/app', 'out', 'renderer');

describe('app:// scheme', () => {
  test('is standard and secure and bypasses nothing', () => {
    expect(APP_SCHEME_PRIVILEGES).toEqual({
      scheme: 'app',
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    });
  });

  test.each([
    ['app://workbench/', 'index.html'],
    ['app://workbench', 'index.html'],
    ['app://workbench/index.html?x=1#y', 'index.html'],
    ['app://workbench/assets/main-1a2b.js', 'assets/main-1a2b.js'],
    ['app://workbench/assets/a%20b.css', 'assets/a b.css'],
  ])('%s is a file of the build', (url, file) => {
    expect(fileForUrl(root, url)).toBe(join(root, file));
  });

  test.each([
    'app://workbench/..%2f..%2fetc/passwd',
    'app://workbench/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    'app://workbench/..%5c..%5cetc',
    'app://workbench/%252e%252e/main',
    'app://workbench/a%00.html',
    'app://workbench/C%3A/Windows/win.ini',
    'app://workbench/%E0%A4%A',
    'app://other/index.html',
    'app://workbench:1/index.html',
    'app://user@workbench/index.html',
    'file:///etc/passwd',
    'https://workbench/index.html',
    'not a url',
  ])('%s is nothing of ours', (url) => {
    expect(fileForUrl(root, url)).toBeNull();
  });

  test.each(['app://workbench/../main/electron.js', 'app://workbench/%2e%2e/main/electron.js'])(
    'in %s the URL parser itself folds the dots away, so the file is inside the folder',
    (url) => {
      expect(fileForUrl(root, url)).toBe(join(root, 'main', 'electron.js'));
    },
  );

  test('never leaves the folder, whatever the path is made of', () => {
    const pieces = ['..', '.', '%2e%2e', '%2f', '%5c', 'a', '//', '%00', '%25', 'etc', ':', '\\', '..;', '%c0%ae'];
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    for (let round = 0; round < 5_000; round++) {
      const path = Array.from({ length: 1 + random(8) }, () => pieces[random(pieces.length)]).join(random(2) ? '/' : '');
      const file = fileForUrl(root, `app://workbench/${path}`);
      if (file !== null) expect(file === join(root, 'index.html') || file.startsWith(join(root, '/')), path).toBe(true);
    }
  });
});

describe('app:// handler', () => {
  const asked: string[] = [];
  const handle = createAppHandler(root, (file) => {
    asked.push(file);
    return file.endsWith('missing.js') ? Promise.reject(new Error('ENOENT')) : Promise.resolve(new TextEncoder().encode('body'));
  });

  test('serves with the policy, the type and no sniffing', async () => {
    const response = await handle({ url: 'app://workbench/index.html', method: 'GET' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('body');
    expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy());
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('answers what is not there, or not ours, with 404 and reads nothing', async () => {
    expect((await handle({ url: 'app://workbench/missing.js', method: 'GET' })).status).toBe(404);
    asked.length = 0;
    const refused = await handle({ url: 'app://workbench/..%2f..%2fetc/passwd', method: 'GET' });
    expect(refused.status).toBe(404);
    expect(refused.headers.get('content-security-policy')).toBe(contentSecurityPolicy());
    expect(asked).toEqual([]);
  });

  test('only reads', async () => {
    expect((await handle({ url: 'app://workbench/index.html', method: 'POST' })).status).toBe(405);
    const head = await handle({ url: 'app://workbench/index.html', method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});

describe('own origin', () => {
  test.each([
    ['app://workbench/index.html', true],
    ['app://workbench/deep/er#x', true],
    ['app://workbench.evil/', false],
    ['app://evil/workbench', false],
    ['https://workbench/', false],
    ['blob:app://workbench/1', false],
    ['', false],
  ])('%s: %s', (url, own) => {
    expect(isOwnUrl(url)).toBe(own);
  });
});
