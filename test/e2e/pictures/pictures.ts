/**
 * Makes the pictures of docs/images: every view of the samples, in light and in dark, 1440×900. Run by
 * `npm run pictures`, not by `npm test`. A picture is for people: look at them after a change to a view.
 *
 * Everything shown is in a folder of its own (`DEMO`): the samples, the home folder, the data folder and the programs. A
 * picture with a path of the machine in it is refused. What could not be made is listed at the end, and fails the run.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { startChild, type Child } from '../driver/processes.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';
import { smallPng } from './small-png.ts';

const THEMES = ['light', 'dark'] as const;
const WIDTH_PX = 1_440;
const HEIGHT_PX = 900;
const images = process.env['HEAPHOUSE_PICTURES'] ?? join(projectRoot, 'docs', 'images');
/** Only the parts whose name contains this are made; the others stay as they are. */
const only = process.env['HEAPHOUSE_PICTURES_ONLY'] ?? '';
const DEMO = '/tmp/heaphouse-demo';
const chromium = HOSTS.find(({ name }) => name === 'Chromium')!;
/** What would tell where the pictures were made. */
const PRIVATE = [projectRoot.replace(/\/$/, ''), `${homedir()}/`];

/** A folder with the samples and nothing else of this machine. */
function makeDemo(): NodeJS.ProcessEnv {
  rmSync(DEMO, { recursive: true, force: true });
  for (const name of ['bin', 'home', 'data']) mkdirSync(join(DEMO, name), { recursive: true });
  cpSync(join(projectRoot, 'test', 'samples'), DEMO, { recursive: true });
  copyFileSync(process.execPath, join(DEMO, 'bin', 'node'));
  const system = ['/usr/local/bin', '/usr/bin', '/bin'];
  if (!system.some((dir) => existsSync(join(dir, 'python3')))) {
    const python = (process.env['PATH'] ?? '').split(delimiter).find((dir) => existsSync(join(dir, 'python3')));
    if (python) symlinkSync(join(python, 'python3'), join(DEMO, 'bin', 'python3'));
  }
  return { HOME: join(DEMO, 'home'), PWD: DEMO, PATH: [join(DEMO, 'bin'), ...system].join(delimiter), HEAPHOUSE_DATA_DIR: join(DEMO, 'data'), PYENV_ROOT: '', NVM_DIR: '', VIRTUAL_ENV: '', CONDA_PREFIX: '' };
}

const settle = (ms = 600) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe.skipIf(chromium.missing !== null)(suiteOn(chromium, 'pictures'), () => {
  let app: App;
  let env: NodeJS.ProcessEnv;
  const running: Child[] = [];
  const notMade: string[] = [];
  const made = new Set<string>();

  beforeAll(async () => {
    mkdirSync(images, { recursive: true });
    env = makeDemo();
    app = await startApp('Chromium', { env });
    await app.driver.resize(WIDTH_PX, HEIGHT_PX);
    // The size of a window includes what the browser draws around the page.
    const [width, height] = await app.driver.evaluate<[number, number]>('[innerWidth, innerHeight]');
    await app.driver.resize(2 * WIDTH_PX - width, 2 * HEIGHT_PX - height);
  });
  afterAll(async () => {
    await app?.stop();
    for (const child of running) await child.end(5_000);
    rmSync(DEMO, { recursive: true, force: true });
  });

  async function useTheme(theme: (typeof THEMES)[number]): Promise<void> {
    await app.driver.waitUntil(`the ${theme} colours`, async () => {
      if ((await app.driver.attribute(testId('theme-button'), 'aria-label')) === `Colours: ${theme}`) return true;
      // Not by the pointer: a dialog may lie above the button.
      await app.driver.evaluate<null>(`(document.querySelector(${JSON.stringify(testId('theme-button'))}).click(), null)`);
      await settle(60);
      return false;
    });
    // Red of the page's ground, `#rrggbb`.
    const ground = await app.driver.evaluate<string>("getComputedStyle(document.documentElement).getPropertyValue('--surface-0').trim()");
    const red = Number.parseInt(ground.slice(1, 3), 16);
    if (red < 128 !== (theme === 'dark')) throw new Error(`${theme}: the page is drawn on ${ground}`);
  }

  /** Prepares the view and takes it in both themes. A view that cannot be made is noted, and the others go on. */
  async function picture(name: string, prepare: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    try {
      await prepare();
      // What was said meanwhile lies above the view.
      await app.driver.evaluate<null>(`(document.querySelectorAll('${testId('notices')} button[aria-label]').forEach((button) => button.click()), null)`);
      await settle();
      for (const theme of THEMES) {
        await useTheme(theme);
        await settle(350);
        await maskMachine();
        const text = await app.driver.evaluate<string>(`[document.body.innerText, ...[...document.querySelectorAll('input,textarea')].map((field) => field.value)].join('\\n')`);
        for (const part of PRIVATE) {
          const at = text.indexOf(part);
          if (at >= 0) throw new Error(`the picture would show ${text.slice(at, at + 80).split('\n')[0]}`);
        }
        writeFileSync(join(images, `${name}-${theme}.png`), smallPng(readFileSync(await app.driver.screenshot(`${name}-${theme}`))));
      }
      made.add(name);
    } catch (error) {
      const line = `${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
      process.stderr.write(`Not made: ${line}\n`);
      notMade.push(line);
    }
  }

  /** The control group's name is the machine's own. */
  const maskMachine = () =>
    app.driver.evaluate<null>(`(() => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) if (walker.currentNode.data.includes('/sys/fs/cgroup/')) walker.currentNode.data = walker.currentNode.data.replace(/\\/sys\\/fs\\/cgroup\\/\\S*/, '/sys/fs/cgroup/system.slice/demo.service');
      return null;
    })()`);

  const part = (name: string, work: () => Promise<void>) => test.skipIf(!name.includes(only))(name, work);
  const click = (...ids: string[]) => ids.reduce((before, id) => before.then(() => app.driver.click(testId(id))), Promise.resolve());
  const waitFor = (selector: string, timeoutMs = 30_000) => app.driver.waitFor(selector, { timeoutMs });
  const go = (address: string) => app.driver.evaluate<null>(`(location.hash = ${JSON.stringify(address)}, null)`);
  const sessionId = async () => (await app.driver.attribute(testId('session-view'), 'data-session-id')) ?? '';
  const snapshotIds = () =>
    app.driver.evaluate<string[]>(`[...document.querySelectorAll('${testId('session-view')} [data-testid^="view-snapshot/"]')].map((tab) => tab.dataset.testid.slice('view-snapshot/'.length))`);

  async function launch(command: string): Promise<void> {
    await app.start.show();
    await app.start.launch(command, { cwd: DEMO });
    await app.session.waitForState('attached');
  }
  async function end(): Promise<void> {
    await app.session.terminate();
    await app.session.waitForState('exited');
    await click('close-session');
    await waitFor(testId('start-page'));
  }

  part('start', async () => {
    for (const [program, file] of [['python3', 'counted.py'], ['node', 'leaky.js'], ['python3', 'allocating.py']] as const) {
      running.push(await startChild(program, [join(DEMO, file)], { cwd: DEMO, env: { ...process.env, ...env } }));
    }
    await app.start.show();
    await app.driver.type(testId('process-filter'), DEMO);
    await app.driver.type(testId('launch-cwd'), DEMO);
    await app.driver.type(testId('launch-command'), 'python3 leaky.py --churn');
    await waitFor(testId('process-row'));
    await picture('start');
    await picture('launch-allocators', async () => {
      await click('launch-allocators-toggle');
      await waitFor(`${testId('launch-preload')} option`);
      await settle(1_500);
    });
    await click('launch-allocators-toggle');
    await picture('settings', async () => {
      await click('settings-button');
      await waitFor(testId('settings-view'));
    });
    await picture('shortcuts', () => click('shortcuts-button'));
    await app.driver.key('Escape');
    await picture('palette', async () => {
      await click('palette-button');
      await app.driver.type(testId('palette-input'), 'a');
    });
    await picture('about', async () => {
      await app.driver.type(testId('palette-input'), 'about');
      await app.driver.key('Enter');
      await waitFor(testId('about-versions'));
    });
    await app.driver.key('Escape');
  });

  describe.each([
    { name: 'python', command: 'python3 leaky.py --churn', className: '__main__.Session', panes: ['pools', 'classes', 'native', 'history'] },
    { name: 'node', command: 'node leaky.js --churn', className: 'Session', panes: ['spaces', 'history'] },
  ])('$name', ({ name, command, className, panes }) => {
    part(`${name}-session`, async () => {
      const trigger = join(DEMO, `${name}.trigger`);
      await launch(`${command} --trigger ${trigger}`);
      await app.session.waitForOutput('phase ready begin');
      await settle(3_000);
      await app.session.takeSnapshot();
      writeFileSync(trigger, '');
      await app.session.waitForOutput('phase leak end');
      await settle(2_000);
      await app.session.takeSnapshot();
      await settle(2_000);
      await app.session.takeSnapshot();
      const id = await sessionId();
      const base = `#/session/${id}`;
      await picture(`${name}-output`, () => app.session.show('output'));
      await picture(`${name}-timeline`, () => app.session.show('timeline'));
      await picture(`${name}-timeline-stacked`, () => click('timeline-stacked'));
      await click('timeline-lines');
      await picture(`${name}-collector`, async () => {
        await go(`${base}/gc`);
        await waitFor(testId('gc-view'));
      });
      for (const pane of panes) {
        await picture(`${name}-allocators-${pane}`, async () => {
          await go(`${base}/allocators?pane=${pane}`);
          await waitFor(`${testId('allocators-view')}[data-pane-shown="${pane}"][data-state="ready"]`);
          await settle(pane === 'history' ? 4_000 : 1_500);
        });
      }
      for (const pane of ['table', 'sum', 'history', 'limits']) {
        await picture(`${name}-segments-${pane}`, async () => {
          await go(`${base}/segments?pane=${pane}`);
          await waitFor(`${testId('segments-view')}[data-pane-shown="${pane}"][data-state="ready"]`);
          await settle(1_500);
        });
      }

      const snapshots = await snapshotIds();
      const second = `${base}/snapshot/${snapshots[1]}`;
      const analysed = async (address: string) => {
        await go(address);
        await app.snapshot.waitForAnalysis();
        await settle(900);
      };
      await picture(`${name}-summary`, async () => {
        await analysed(second);
        await app.snapshot.selectFirstObject(className);
        await waitFor(testId('path-row'));
      });
      await picture(`${name}-containment`, () => analysed(`${second}?tab=containment`));
      await picture(`${name}-dominators`, () => analysed(`${second}?tab=dominators`));
      await picture(`${name}-dominators-by-class`, () => analysed(`${second}?tab=dominators&shape=classes`));
      await picture(`${name}-treemap`, () => analysed(`${second}?tab=dominators&shape=treemap`));
      await picture(`${name}-statistics`, () => analysed(`${second}?tab=statistics`));
      await picture(`${name}-strings`, () => analysed(`${second}?tab=strings&order=duplicates`));
      await picture(`${name}-findings`, async () => {
        await analysed(`${second}?tab=findings`);
        await waitFor(testId('finding'));
      });
      await picture(`${name}-query`, async () => {
        await analysed(`${second}?tab=query`);
        await click('query-run');
        await waitFor(testId('query-row'));
      });
      await picture(`${name}-object`, async () => {
        // The newest snapshot: in a V8 target an object goes by the same number until a debugger leaves.
        await analysed(`${base}/snapshot/${snapshots[2]}`);
        await app.snapshot.selectFirstObject(className);
        await waitFor(testId('path-row'));
        const object = /object=(\d+)/.exec(await app.driver.url())?.[1];
        await go(`${base}/snapshot/${snapshots[2]}/object/${object}`);
        await waitFor(testId('object-page'));
        await click('show-live');
        await waitFor(testId('live-property'));
      });
      const comparison = `${base}/compare/${snapshots[0]}/${snapshots[1]}`;
      const compared = async (address: string) => {
        await go(address);
        await app.compare.waitUntilReady();
        await settle(900);
      };
      await picture(`${name}-compare`, async () => {
        await compared(comparison);
        await app.driver.type(testId('compare-filter'), '');
        await app.compare.holdersOf(className);
      });
      await picture(`${name}-set`, async () => {
        await compared(`${comparison}?tab=growth`);
        await click('growth-show-all');
        await waitFor(testId('focus-title'));
        await settle(1_500);
      });
      await picture(`${name}-growth`, () => compared(`${comparison}?tab=growth`));
      await picture(`${name}-survivors`, () => compared(`${comparison}?tab=survivors`));
      await picture(`${name}-three-snapshots`, async () => {
        await compared(`${comparison}?tab=trio&third=${snapshots[2]}`);
        await waitFor(testId('trio-summary'));
      });
      await picture(`${name}-notes`, async () => {
        await compared(`${comparison}?tab=growth`);
        await click('keep-comparison');
        await app.driver.type(testId('keep-dialog-name'), 'before and after the leak');
        await click('keep-dialog-done');
        await click('notes-button');
        await app.driver.type(testId('session-notes'), 'Everything new is held by one container. It has no bound.');
      });
      await click('notes-button');
      await picture(`${name}-ended`, async () => {
        await app.session.show('timeline');
        await app.session.terminate();
        await app.session.waitForState('exited');
        await waitFor(testId('exit-card'));
      });
      await click('close-session');
    });

    part(`${name}-allocations`, async () => {
      await launch(name === 'python' ? 'python3 allocating.py' : 'node allocating.js');
      await click('view-allocations');
      await picture(`${name}-allocations`, async () => {
        await click('sampling-start');
        await waitFor(testId('flame-graph'));
        await settle(6_000);
      });
      await picture(`${name}-allocations-lines`, async () => {
        await click('sampling-stop');
        await waitFor(`${testId('allocations-view')}[data-state="ready"]`);
        await click('allocations-lines');
        await waitFor(testId('line-row'));
      });
      await end();
    });

    part(`${name}-processes`, async () => {
      await launch(name === 'python' ? 'python3 workers.py fork' : 'node workers.js cluster');
      await app.session.waitForOutput('workers');
      await picture(`${name}-processes`, async () => {
        await app.session.show('processes');
        await app.driver.waitUntil('two workers', async () => (await app.driver.count(testId('family-attach'))) === 2, { timeoutMs: 20_000 });
        await click('family-attach');
        await app.driver.waitUntil('the first worker on the axis', async () => (await app.driver.attribute(testId('family-chart'), 'data-lines')) === '2', { timeoutMs: 45_000 });
        await settle(3_000);
      });
      await app.session.terminate();
      await app.session.waitForState('exited');
      // The workers' sessions as well.
      await app.driver.waitUntil('all sessions to be closed', async () => {
        await app.driver.evaluate<null>(`(document.querySelector('nav[aria-label="Open sessions"] [aria-label^="Close "]')?.click(), null)`);
        return (await app.driver.count(testId('session-tab'))) === 0;
      }, { timeoutMs: 30_000 });
    });
  });

  part('python-references', async () => {
    await launch('python3 counted.py --cycles 300');
    await app.session.waitForOutput('serving');
    await click('view-references');
    await picture('python-references', async () => {
      await click('trace-run');
      await waitFor(testId('trace-result'));
    });
    await picture('python-references-function', async () => {
      await click('trace-way-function');
      await app.driver.waitUntil('the functions to be listed', async () => (await app.driver.texts(`${testId('trace-function')} option`)).some((text) => text.startsWith('handle')));
      await app.driver.select(testId('trace-function'), 'handle');
      await app.driver.select(testId('trace-local'), 'node');
      await click('trace-run');
      await app.driver.waitUntil('six steps', async () => (await app.driver.attribute(testId('trace-result'), 'data-steps')) === '6');
    });
    await picture('python-references-object', async () => {
      await click('references-object');
      await app.driver.type(testId('holders-expression'), 'held');
      await click('holders-look');
      await waitFor(testId('holders-result'));
    });
    await picture('python-cyclic-garbage', async () => {
      await click('view-gc', 'gc-pane-garbage', 'garbage-explore');
      await waitFor(testId('garbage-picture'));
    });
    await end();
  });

  test('every view was made', () => {
    expect(notMade, `${made.size} views were made`).toEqual([]);
  });
});
