/** The bundled preload script as Electron's sandbox runs it: one CommonJS file that can require `electron` and no more. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { CONNECT_CHANNEL } from '#main/electron/port-channel.ts';
import { PORT_MESSAGE, WINDOW_BRIDGE, type WindowBridge } from '#shared/contracts/window-bridge.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bundle = join(root, 'out', 'preload', 'preload.cjs');
const sources = ['main/electron/preload.ts', 'shared/contracts/window-bridge.ts'].map((name) => join(root, name));

class FakeChannel {
  readonly port1 = { end: 1 };
  readonly port2 = { end: 2 };
}

const ipcRenderer = { postMessage: vi.fn() };
const window = { postMessage: vi.fn() };
const getPathForFile = vi.fn(() => '/a/b.heapsnapshot');
const required: string[] = [];
let exposed: Record<string, WindowBridge>;

function run(): void {
  exposed = {};
  required.length = 0;
  const electron = {
    contextBridge: { exposeInMainWorld: (name: string, api: WindowBridge) => (exposed[name] = api) },
    ipcRenderer,
    webUtils: { getPathForFile },
  };
  const require = (name: string) => {
    required.push(name);
    if (name !== 'electron') throw new Error(`module not found: ${name}`);
    return electron;
  };
  // No process, no Buffer, no module of Node: what is not listed here does not exist for the script.
  const sandbox = vm.createContext({ require, module: { exports: {} }, exports: {}, window, MessageChannel: FakeChannel, TypeError });
  new vm.Script(readFileSync(bundle, 'utf8'), { filename: bundle }).runInContext(sandbox, { timeout: 1_000 });
}

describe('preload bundle', () => {
  beforeAll(() => {
    const builtAt = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (sources.some((file) => statSync(file).mtimeMs > builtAt)) {
      execFileSync(process.execPath, [join(root, 'build', 'build.mjs'), 'preload'], { cwd: root, stdio: 'pipe' });
    }
  }, 60_000);

  beforeEach(() => {
    vi.clearAllMocks();
    run();
  });

  test('is one file and needs nothing but electron', () => {
    expect(readdirSync(join(root, 'out', 'preload'))).toEqual(['preload.cjs']);
    expect(required).toEqual(['electron']);
    expect(readFileSync(bundle, 'utf8')).not.toMatch(/\bimport\s*[({*]|^export /m);
  });

  test('exposes exactly one object with exactly two functions', () => {
    expect(Object.keys(exposed)).toEqual([WINDOW_BRIDGE]);
    expect(Object.keys(exposed[WINDOW_BRIDGE]).sort()).toEqual(['connect', 'pathForFile']);
    for (const value of Object.values(exposed[WINDOW_BRIDGE])) expect(typeof value).toBe('function');
  });

  test('connect sends one end to main and the other, with the nonce, to our own window only', () => {
    exposed[WINDOW_BRIDGE].connect('n-1');
    expect(ipcRenderer.postMessage.mock.calls).toEqual([[CONNECT_CHANNEL, null, [{ end: 1 }]]]);
    expect(window.postMessage.mock.calls).toEqual([[{ type: PORT_MESSAGE, nonce: 'n-1' }, '/', [{ end: 2 }]]]);
  });

  test.each([[''], ['x'.repeat(129)], [null], [{}], [undefined]])('connect refuses %j as a nonce', (nonce) => {
    expect(() => exposed[WINDOW_BRIDGE].connect(nonce as string)).toThrow(/nonce/);
    expect(ipcRenderer.postMessage).not.toHaveBeenCalled();
    expect(window.postMessage).not.toHaveBeenCalled();
  });

  test('pathForFile asks Electron', () => {
    const file = {};
    expect(exposed[WINDOW_BRIDGE].pathForFile(file)).toBe('/a/b.heapsnapshot');
    expect(getPathForFile).toHaveBeenCalledWith(file);
  });
});
