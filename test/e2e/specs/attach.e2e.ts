/** Attach to programs that run already, look, leave: they go on as if nothing had been. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../driver/browser-path.ts';
import { startChild, type Child } from '../driver/processes.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const samples = join(projectRoot, 'test', 'samples');
const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
const noGdb = !has('python3') ? ' (skipped: python3 is not installed)' : !has('gdb') ? ' (skipped: gdb is not installed)' : '';

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'attach'), () => {
    let app: App;
    let target: Child | null = null;
    beforeAll(async () => {
      app = await startApp(host.name);
    });
    afterEach(async () => {
      await target?.end();
      target = null;
    });
    // Fails if anything that the application started is left.
    afterAll(() => app?.stop());

    async function attachAndLeave(command: string, file: string, className: string): Promise<void> {
      target = await startChild(command, [join(samples, file), '--churn', '--leak-at', '0.1'], { cwd: projectRoot });
      await target.waitForOutput(/phase leak end/, 20_000);
      await app.start.show();
      await app.start.attach(target.pid);
      await app.session.waitForState('attached');
      expect(await app.session.pid()).toBe(target.pid);
      await app.session.takeSnapshot();
      await app.session.showSnapshot(0);
      await app.snapshot.waitForAnalysis();
      expect((await app.snapshot.classRow(className)).objects).toBe('10,000');
      await app.session.detach();
      await app.session.waitForState('detached');
      expect(target.process.exitCode).toBeNull();
      // Attached once more: what was left behind would stand in the way.
      await app.start.show();
      await app.start.attach(target.pid);
      await app.session.waitForState('attached');
      await app.session.detach();
      await app.session.waitForState('detached');
      expect(target.process.exitCode).toBeNull();
    }

    test('a Node.js program, from the list', async () => {
      await attachAndLeave(process.execPath, 'leaky.js', 'Session');
    });

    test.skipIf(noGdb !== '')(`a Python program, from the list${noGdb}`, async () => {
      await attachAndLeave('python3', 'leaky.py', '__main__.Session');
    });

    test('a program that ends while we look is said to have ended', async () => {
      target = await startChild(process.execPath, [join(samples, 'leaky.js'), '--leak-at', '0.1'], { cwd: projectRoot });
      await app.start.show();
      await app.start.attach(target.pid);
      await app.session.waitForState('attached');
      process.kill(target.pid, 'SIGKILL');
      await app.session.waitForState('exited');
      expect(await app.session.exit()).toMatch(/SIGKILL|137|kill/i);
    });

    test('a launched program ends with the application, which the end of this suite checks', async () => {
      await app.start.show();
      await app.start.launch(`'${process.execPath}' test/samples/leaky.js --churn`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      const pid = await app.session.pid();
      expect(() => process.kill(pid, 0)).not.toThrow();
    });

    test('nothing was stopped by the policy, nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
