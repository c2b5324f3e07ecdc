import { describe, expect, test } from 'vitest';
import { ALLOWED_PERMISSIONS, guardContents, guardSession, isLoadable, isTrustedSender } from '#main/electron/security.ts';
import { fakeContents, fakeSession } from './fakes.ts';

const OWN = 'app://workbench/index.html';

describe('session guards', () => {
  const session = fakeSession();
  guardSession(session.asSession);

  function request(permission: string, details: { isMainFrame: boolean; requestingUrl: string }): boolean {
    let granted: boolean | null = null;
    session.requestHandler!({}, permission, (answer) => (granted = answer), details);
    expect(granted, 'the handler has to answer').not.toBeNull();
    return granted!;
  }

  test('every permission of Electron is refused but copying to the clipboard and notifications', () => {
    expect(ALLOWED_PERMISSIONS).toEqual(['clipboard-sanitized-write', 'notifications']);
    for (const permission of ['media', 'geolocation', 'clipboard-read', 'openExternal', 'fileSystem', 'usb', 'serial', 'hid', 'display-capture', 'unknown']) {
      expect(request(permission, { isMainFrame: true, requestingUrl: OWN }), permission).toBe(false);
      expect(session.checkHandler!(null, permission, 'app://workbench'), permission).toBe(false);
    }
    expect(request('clipboard-sanitized-write', { isMainFrame: true, requestingUrl: OWN })).toBe(true);
    expect(session.checkHandler!(null, 'clipboard-sanitized-write', 'app://workbench/')).toBe(true);
  });

  test('and that only to our own main frame', () => {
    expect(request('clipboard-sanitized-write', { isMainFrame: false, requestingUrl: OWN })).toBe(false);
    expect(request('clipboard-sanitized-write', { isMainFrame: true, requestingUrl: 'https://example.org/' })).toBe(false);
    expect(session.checkHandler!(null, 'clipboard-sanitized-write', 'https://example.org')).toBe(false);
  });

  test('devices are refused', () => {
    expect(session.deviceHandler!({})).toBe(false);
  });

  test.each([
    ['app://workbench/assets/a.js', true],
    ['devtools://devtools/bundled/inspector.html', true],
    ['data:image/png;base64,AA', true],
    ['blob:app://workbench/0f', true],
    ['blob:https://example.org/0f', false],
    ['https://example.org/', false],
    ['http://127.0.0.1:9229/json/list', false],
    ['ws://127.0.0.1:9229/', false],
    ['file:///etc/passwd', false],
    ['app://elsewhere/', false],
  ])('request of %s: %s', (url, allowed) => {
    expect(isLoadable(url)).toBe(allowed);
    let cancel: boolean | undefined;
    session.beforeRequest!({ url }, (answer) => (cancel = answer.cancel));
    expect(cancel).toBe(!allowed);
  });
});

describe('page guards', () => {
  const reports: string[] = [];
  const contents = fakeContents();
  guardContents(contents.asContents, (what) => reports.push(what));

  test.each(['will-navigate', 'will-redirect', 'will-frame-navigate'])('%s stays on our origin', (name) => {
    for (const url of ['https://example.org/', 'file:///etc/passwd', 'app://elsewhere/', 'javascript:alert(1)', 'data:text/html,x']) {
      expect(contents.emit(name, { url }).prevented, url).toBe(true);
    }
    expect(contents.emit(name, { url: OWN }).prevented).toBe(false);
  });

  test('no webview is attached', () => {
    expect(contents.emit('will-attach-webview', {}).prevented).toBe(true);
  });

  test('no window is opened, not even for our own pages', () => {
    for (const url of [OWN, 'https://example.org/', 'about:blank']) expect(contents.openHandler!({ url })).toEqual({ action: 'deny' });
    expect(reports.length).toBeGreaterThan(0);
  });
});

describe('sender check', () => {
  test('only the main frame of our page', () => {
    expect(isTrustedSender({ url: OWN, parent: null })).toBe(true);
    expect(isTrustedSender({ url: OWN, parent: {} as never })).toBe(false);
    expect(isTrustedSender({ url: 'https://example.org/', parent: null })).toBe(false);
    expect(isTrustedSender({ url: '', parent: null })).toBe(false);
    expect(isTrustedSender(null)).toBe(false);
  });
});
