/**
 * The entry of the desktop host with a stand-in for the `electron` module: that everything is put together in the right
 * order and the window's port reaches the real workbench. It shows nothing about Electron itself.
 */
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { shellContract, type OpenRequest } from '#shared/contracts/shell.ts';
import { contentSecurityPolicy } from '#shared/model/csp.ts';
import { createRpcClient, type RpcClient } from '#shared/rpc/client.ts';
import { COMMANDS } from '#shared/model/commands.ts';
import { CONNECT_CHANNEL, portChannel } from '#main/electron/port-channel.ts';
import { fakeChannelMain, fakeContents, fakeSession, type FakePortMain } from './fakes.ts';

const SNAPSHOT = '{"snapshot":{}}';

const world = vi.hoisted(() => ({ dir: '', calls: [] as string[] }));

interface Opened {
  options: { webPreferences: object };
  urls: string[];
  shown: number;
  focused: number;
}

const fakes = vi.hoisted(() => ({}) as Record<string, never> & { electron: Record<string, unknown> });

vi.mock('#main/workbench/app-root.ts', () => ({
  get appRoot() {
    return world.dir;
  },
  get rendererDir() {
    return join(world.dir, 'out', 'renderer');
  },
  hostEntry: (kind: string) => join(world.dir, `${kind}-host.js`),
  pythonAgentDir: () => join(world.dir, 'agent'),
}));

vi.mock('electron', () => fakes.electron);

const app = new EventEmitter() as EventEmitter & Record<string, unknown>;
const ipcMain = new EventEmitter();
const session = fakeSession();
const windows: Opened[] = [];
let menu: { id?: string; click?: () => void; submenu?: unknown }[] = [];
let scheme: { name: string; handler: (request: { url: string; method: string }) => Promise<Response> };
let lockData: unknown;
const quit = vi.fn();
const exit = vi.fn();

class FakeWindow extends EventEmitter implements Opened {
  urls: string[] = [];
  shown = 0;
  focused = 0;
  webContents = new EventEmitter();
  options: Opened['options'];
  constructor(options: Opened['options']) {
    super();
    this.options = options;
    windows.push(this);
    world.calls.push('window');
  }
  isDestroyed = () => false;
  isMinimized = () => false;
  show = () => void this.shown++;
  focus = () => void this.focused++;
  setBackgroundColor = () => undefined;
  loadURL(url: string): Promise<void> {
    this.urls.push(url);
    return Promise.resolve();
  }
}

const ports: FakePortMain[] = [];

/** What a page of ours does through the preload script. */
function connect(id = 1): RpcClient {
  const { port1, port2 } = fakeChannelMain();
  ports.push(port1, port2);
  ipcMain.emit(CONNECT_CHANNEL, { ports: [port1], senderFrame: { url: 'app://workbench/index.html', parent: null }, sender: { id } });
  return createRpcClient(portChannel(port2 as never, 'gone'));
}

beforeAll(async () => {
  world.dir = mkdtempSync(join(tmpdir(), 'heaphouse-electron-'));
  mkdirSync(join(world.dir, 'out', 'renderer'), { recursive: true });
  writeFileSync(join(world.dir, 'out', 'renderer', 'index.html'), '<p>page</p>');
  writeFileSync(join(world.dir, 'package.json'), JSON.stringify({ name: 'heaphouse', version: '1.2.3' }));
  writeFileSync(join(world.dir, 'a.heapsnapshot'), SNAPSHOT);
  Object.assign(app, {
    isPackaged: true,
    enableSandbox: () => world.calls.push('sandbox'),
    requestSingleInstanceLock: (data: unknown) => {
      lockData = data;
      return true;
    },
    whenReady: () => {
      world.calls.push('ready');
      return Promise.resolve();
    },
    getPath: () => world.dir,
    getVersion: () => '1.2.3',
    getAppMetrics: () => [],
    addRecentDocument: () => undefined,
    quit,
    exit,
  });
  fakes.electron = {
    app,
    BrowserWindow: FakeWindow,
    clipboard: { writeText: () => Promise.resolve() },
    crashReporter: { start: () => world.calls.push('crash reporter') },
    dialog: { showErrorBox: vi.fn(), showMessageBox: () => Promise.resolve({ response: 1 }) },
    ipcMain,
    Menu: { buildFromTemplate: (template: typeof menu) => (menu = template), setApplicationMenu: () => world.calls.push('menu') },
    MessageChannelMain: class {},
    nativeTheme: Object.assign(new EventEmitter(), { shouldUseDarkColors: true }),
    protocol: { registerSchemesAsPrivileged: () => world.calls.push('scheme') },
    session: { defaultSession: Object.assign(session.asSession as object, { protocol: { handle: (name: string, handler: typeof scheme.handler) => (scheme = { name, handler }) } }) },
    shell: { openPath: vi.fn() },
    utilityProcess: { fork: vi.fn() },
  } as never;
  process.env.HEAPHOUSE_DATA_DIR = join(world.dir, 'data');
  Object.assign(process, { resourcesPath: join(world.dir, 'resources') });
  process.argv = ['/opt/heaphouse', '--no-sandbox', join(world.dir, 'a.heapsnapshot')];
  await import('#main/electron/index.ts');
  await vi.waitFor(() => expect(windows).toHaveLength(1));
});

afterAll(() => {
  for (const port of ports) port.close();
  rmSync(world.dir, { recursive: true, force: true });
  delete process.env.HEAPHOUSE_DATA_DIR;
});

describe('the desktop host, put together', () => {
  test('prepares what has to be prepared before ready, then opens the window', () => {
    expect(world.calls).toEqual(['crash reporter', 'sandbox', 'scheme', 'ready', 'menu', 'window']);
    expect(lockData).toEqual({ args: ['--no-sandbox', join(world.dir, 'a.heapsnapshot')], cwd: process.cwd() });
  });

  test('the window loads our page, with the guarded options, and is shown when it is ready', () => {
    const [window] = windows;
    expect(window.urls).toEqual(['app://workbench/index.html']);
    expect(window.options.webPreferences).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false, preload: join(world.dir, 'out', 'preload', 'preload.cjs') });
    expect(window.shown).toBe(0);
    (window as unknown as EventEmitter).emit('ready-to-show');
    expect(window.shown).toBe(1);
  });

  test('session and pages are guarded', () => {
    expect(session.requestHandler).not.toBeNull();
    expect(session.beforeRequest).not.toBeNull();
    const contents = fakeContents();
    app.emit('web-contents-created', {}, contents.asContents);
    expect(contents.emit('will-navigate', { url: 'https://example.org/' }).prevented).toBe(true);
  });

  test('app:// serves the built page with the policy', async () => {
    expect(scheme.name).toBe('app');
    const response = await scheme.handler({ url: 'app://workbench/index.html', method: 'GET' });
    expect(await response.text()).toBe('<p>page</p>');
    expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy());
  });

  test('a page that connects talks to the workbench and learns what the command line opened', async () => {
    const client = connect();
    await client.ready;
    expect(await client.service(shellContract).info({})).toMatchObject({ host: 'electron', appVersion: '1.2.3' });
    const requests: OpenRequest[] = [];
    client.service(shellContract).on('openRequest', {}, (request) => requests.push(request));
    await vi.waitFor(() => expect(requests).toMatchObject([{ kind: 'session' }]));
    const [session] = await client.service(sessionsContract).list({});
    expect(session).toMatchObject({ kind: 'files', snapshots: [{ path: join(world.dir, 'a.heapsnapshot') }] });
  });

  test('a command chosen in the menu reaches the page', async () => {
    const client = connect(2);
    await client.ready;
    const chosen: string[] = [];
    client.service(shellContract).on('command', {}, (id) => chosen.push(id));
    await client.service(shellContract).info({});
    const items = menu.flatMap(({ submenu }) => (Array.isArray(submenu) ? (submenu as typeof menu) : []));
    items.find(({ id }) => id === COMMANDS[0].id)!.click!();
    await vi.waitFor(() => expect(chosen).toEqual([COMMANDS[0].id]));
  });

  test('a second start comes to our window and never runs its command', async () => {
    const client = connect(3);
    await client.ready;
    const requests: OpenRequest[] = [];
    client.service(shellContract).on('openRequest', {}, (request) => requests.push(request));
    await client.service(shellContract).info({});
    app.emit('second-instance', {}, [], '/', { args: ['--', 'rm', '-rf', '/'], cwd: '/' });
    await vi.waitFor(() => expect(requests).toEqual([{ kind: 'prefill', command: ['rm', '-rf', '/'] }]));
    expect(windows).toHaveLength(1);
    expect(windows[0].focused).toBeGreaterThan(0);
    expect(await client.service(sessionsContract).list({})).toHaveLength(1);
  });

  test('ends only after the workbench has put everything in order', async () => {
    const event = { preventDefault: vi.fn() };
    app.emit('will-quit', event);
    expect(event.preventDefault).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(quit).toHaveBeenCalledTimes(1));
    const again = { preventDefault: vi.fn() };
    app.emit('will-quit', again);
    expect(again.preventDefault).not.toHaveBeenCalled();
    expect(exit).not.toHaveBeenCalled();
  });
});
