/** Entry of the desktop host: lock, arguments, ready, compose. What each part does stands in its own file. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  app, BrowserWindow, crashReporter, dialog, ipcMain, Menu, MessageChannelMain, nativeTheme, protocol, session, shell, utilityProcess,
} from 'electron';
import { shellContract, type OpenRequest } from '#shared/contracts/shell.ts';
import { processIo } from '#main/cli/cli-io.ts';
import type { OpenInvocation } from '#main/cli/invocation.ts';
import { runCli } from '#main/cli/main.ts';
import { parseArgv } from '#main/cli/parse-argv.ts';
import { dataDir, defaultSessionsDir } from '#main/storage/app-folders.ts';
import { appRoot, pythonAgentDir, rendererDir } from '#main/workbench/app-root.ts';
import { openAsAsked } from '#main/workbench/open-as-asked.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import { carryOut, showError } from './carry-out.ts';
import { startCrashReporter, watchPage } from './crash.ts';
import { createUtilityStartHost } from './host-process.ts';
import { menuTemplate } from './menu.ts';
import { applicationArguments, filesRequest, planOfSecondInstance } from './open-requests.ts';
import { APP_SCHEME, APP_URL } from './origin.ts';
import { openPortDesk } from './port-channel.ts';
import { APP_SCHEME_PRIVILEGES, createAppHandler } from './protocol.ts';
import { quitAfter } from './quit.ts';
import { rememberFiles } from './recent.ts';
import { guardContents, guardSession } from './security.ts';
import { createMailbox, createShellService } from './shell-service.ts';
import { backgroundFor, followTheme } from './theme.ts';
import { windowOptions } from './window.ts';
import { zoom } from './zoom.ts';

const log = (line: string) => process.stderr.write(`${line}\n`);

const cwd = process.cwd();
const args = applicationArguments(process.argv, app.isPackaged);
const parsed = parseArgv(args);
const openRequests = createMailbox<OpenRequest>();
const commands = createMailbox<string>();

startCrashReporter(crashReporter);
app.enableSandbox();
protocol.registerSchemesAsPrivileged([APP_SCHEME_PRIVILEGES]);
app.on('web-contents-created', (_event, contents) => guardContents(contents, log));
// Before ready: macOS sends the file of a double click early.
app.on('open-file', (event, path) => {
  event.preventDefault();
  for (const request of filesRequest([path], cwd)) openRequests.post(request);
});

const startHost = createUtilityStartHost({ fork: (...fork) => utilityProcess.fork(...fork), createMessageChannel: () => new MessageChannelMain() });
const agentDir = pythonAgentDir(process.resourcesPath);

// Commands without a window run here as well, so that a packaged application is complete. Worker processes need `ready`.
if (!parsed.ok || parsed.invocation.command !== 'open') void app.whenReady().then(async () => app.exit(await runCli(args, { ...processIo(), startHost, agentDir })));
else if (!app.requestSingleInstanceLock({ args, cwd })) app.exit(0);
else void app.whenReady().then(() => start(parsed.invocation as OpenInvocation));

async function start(invocation: OpenInvocation): Promise<void> {
  if (!existsSync(join(rendererDir, 'index.html'))) {
    dialog.showErrorBox('Heaphouse', 'The pages of the workbench have not been built. Run: npm run build');
    app.exit(3);
    return;
  }
  const sessionsDir = defaultSessionsDir();
  const workbench = createWorkbench({
    sessionsDir,
    dataDir: dataDir(),
    cwd,
    startHost,
    agentDir,
    log,
  });
  // Menus, dialogs and title bar of the system in the colours that the page has.
  void workbench.settings.ready.then(() => (nativeTheme.themeSource = workbench.settings.current().theme));
  workbench.settings.onChange(({ theme }) => (nativeTheme.themeSource = theme));
  let window: BrowserWindow | null = null;
  const currentWindow = () => (window && !window.isDestroyed() ? window : null);
  const parts = { dialog, window: currentWindow };

  workbench.server.provide(
    shellContract,
    createShellService({
      ...parts,
      app,
      sessionsDir,
      cwd,
      exportable: () => Promise.resolve(workbench.exportDirs()),
      openRequests,
      commands,
      openPath: (path) => shell.openPath(path),
      zoom: (step) => zoom(currentWindow()?.webContents, step),
      remember: (paths) => rememberFiles(app, paths),
    }),
  );
  guardSession(session.defaultSession);
  session.defaultSession.protocol.handle(APP_SCHEME, createAppHandler(rendererDir));
  openPortDesk({ ipcMain, onConnect: (channel) => workbench.serve(channel), report: log });
  const menu = menuTemplate({ run: commands.post });
  Menu.setApplicationMenu(Menu.buildFromTemplate(menu));

  function openWindow(): void {
    const iconPath = [join(process.resourcesPath, 'icon.png'), join(appRoot, 'build', 'icons', '512x512.png')].find((path) => existsSync(path));
    const opened = new BrowserWindow(
      windowOptions({
        preloadPath: join(appRoot, 'out', 'preload', 'preload.cjs'),
        backgroundColor: backgroundFor(nativeTheme),
        ...(iconPath === undefined ? {} : { iconPath }),
      }),
    );
    window = opened;
    const stopFollowing = followTheme(nativeTheme, opened);
    opened.once('ready-to-show', () => opened.show());
    opened.once('closed', stopFollowing);
    watchPage({ window: opened, dialog, app, url: APP_URL });
    void opened.loadURL(APP_URL);
  }

  function present(requests: readonly OpenRequest[]): void {
    for (const request of requests) {
      if (request.kind === 'files') rememberFiles(app, request.paths);
      openRequests.post(request);
    }
    const shown = currentWindow();
    if (!shown) openWindow();
    else {
      if (shown.isMinimized()) shown.restore();
      shown.focus();
    }
  }

  app.on('second-instance', (_event, _argv, _cwd, data) => {
    const { requests, action } = planOfSecondInstance(data);
    present(requests);
    if (action) void carryOut({ ...parts, client: workbench.client, show: (request) => present([request]) }, action);
  });
  app.on('activate', () => present([]));
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  quitAfter(app, () => workbench.dispose(), log);

  openWindow();
  const { requests, errors } = await openAsAsked(workbench.client, invocation);
  if (requests.length > 0) present(requests);
  for (const error of errors) await showError(parts, error);
}
