import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BOOTSTRAP, Client, INJECT, PACKAGE_PARENT, pause, Target, TARGETS, until, type Meeting } from './agent-client.ts';
import { oldInterpreters, supportedInterpreters } from './interpreters.ts';
import { nativeWalker } from './native-walker.ts';

const { found, missing } = supportedInterpreters();
const native = nativeWalker();
const targets: Target[] = [];
const SHADOWED = `
import sys
print("up", flush=True)
sys.stdin.readline()
try:
    # What is built into this interpreter cannot be shadowed.
    __import__([name for name in ('select', 'array', 'json') if name not in sys.builtin_module_names][0])
except SystemExit as own:
    print(own, flush=True)
sys.stdin.readline()
`;

for (const minor of missing) it.skip(`life cycle on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

function launch(python: string, args: string[], options: { env?: Record<string, string>; agent?: boolean } = {}): Target {
  const target = new Target(python, args, options);
  targets.push(target);
  return target;
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.dispose()));
});

describe.each(found)('agent life cycle on CPython $version', ({ path }) => {
  it('lets the program fork, spawn and run others, each child with an agent of its own', async () => {
    const target = launch(path, [join(TARGETS, 'forks.py')]);
    const client = await Client.open((await target.meet()).webSocketUrl);
    await client.call('Python.enable');
    await target.says('ready');
    target.tell('go');
    await target.says('staying');
    const staying = Number(/staying (\d+);/.exec(target.stdout)?.[1]);
    const meeting = await target.meet(staying);
    const child = await Client.open(meeting.webSocketUrl);
    expect(await child.evaluate('__import__("os").getpid()')).toBe(staying);
    expect(await client.evaluate('__import__("os").getpid()')).toBe(target.pid);
    expect((await child.call('Python.writeHeapSnapshot', { path: join(target.folder, 'child.heapsnapshot') }))['nodes']).toBeGreaterThan(5000);
    child.close();
    target.tell('leave');
    await target.says('done');
    expect(await target.ended()).toEqual({ code: 0, signal: null });
    // One socket in the forked child: its own agent's listener, none of its parent's.
    expect(target.stdout).toContain('forked 1;status 7;');
    expect(target.stdout).toContain('fork child 0;');
    expect(target.stdout).toContain('spawn child 0;');
    expect(target.stdout).toContain('sub ok;');
    expect(target.stderr).toBe('');
    expect(target.meetings()).not.toContain(`${target.pid}.json`);
  });

  it('runs the program’s own sitecustomize, errors included', async () => {
    const own = launch(path, ['-c', 'import sys; print(sys.own_site, [p for p in sys.path if "bootstrap" in p])'], {
      env: { PYTHONPATH: `${BOOTSTRAP}:${join(TARGETS, 'own-site')}` },
    });
    expect(await own.ended()).toEqual({ code: 0, signal: null });
    expect(own.stdout.trim()).toBe('the program has its own: sitecustomize []');
    expect(own.stderr).toBe('');
    const none = launch(path, ['-c', 'import sys; print("sitecustomize" in sys.modules)']);
    expect((await none.ended()).code).toBe(0);
    expect([none.stdout.trim(), none.stderr]).toEqual(['False', '']);
  });

  it('stays away under -S, -E and -I, and without a rendezvous folder', async () => {
    for (const flag of ['-S', '-E', '-I']) {
      const target = launch(path, [flag, '-c', 'import sys; print("fine", "heaphouse_agent" in sys.modules)']);
      expect((await target.ended()).code).toBe(0);
      expect([target.stdout.trim(), target.stderr, target.meetings()]).toEqual(['fine False', '', []]);
    }
    const lost = launch(path, ['-c', 'import sys; print("heaphouse_agent" in sys.modules)'], { env: { HEAPHOUSE_AGENT: '/nonexistent/folder' } });
    expect((await lost.ended()).code).toBe(0);
    expect([lost.stdout.trim(), lost.stderr]).toEqual(['False', '']);
  });

  it('keeps exit codes, exit handlers, signals and tracebacks as they were', async () => {
    const exits = launch(path, ['-c', 'import atexit, sys; atexit.register(print, "bye"); sys.exit(3)']);
    expect(await exits.ended()).toEqual({ code: 3, signal: null });
    expect([exits.stdout.trim(), exits.stderr, exits.meetings()]).toEqual(['bye', '', []]);
    const interrupted = launch(path, ['-c', 'import time\ntry:\n print("up", flush=True)\n time.sleep(30)\nexcept KeyboardInterrupt:\n print("interrupted")']);
    await interrupted.meet();
    await interrupted.says('up');
    interrupted.child.kill('SIGINT');
    expect((await interrupted.ended()).code).toBe(0);
    expect(interrupted.stdout).toContain('interrupted');
    const raised = launch(path, ['-c', 'raise ValueError("as ever")']);
    expect((await raised.ended()).code).toBe(1);
    expect(raised.stderr).toContain('ValueError: as ever');
    expect(raised.stderr).not.toContain('heaphouse');
  });

  it('survives a program that shadows what agents usually import', async () => {
    const shadow = mkdtempSync(join(tmpdir(), 'heaphouse-shadow-'));
    try {
      for (const name of ['socket', 'json', 'select', 'struct', 'ctypes', 'hashlib', 'base64', 'array', 'binascii', 'fcntl', 'threading', 'queue']) {
        execFileSync('sh', ['-c', `echo 'raise SystemExit("shadowed ${name}")' > "${join(shadow, name)}.py"`]);
      }
      // A bare environment: .pth files of the machine's site-packages may import what is shadowed.
      execFileSync(path, ['-m', 'venv', '--without-pip', join(shadow, 'venv')]);
      const target = launch(join(shadow, 'venv', 'bin', 'python'), ['-c', SHADOWED], { env: { PYTHONPATH: `${BOOTSTRAP}:${shadow}` } });
      const client = await Client.open((await target.meet()).webSocketUrl);
      await target.says('up');
      expect((await client.call('Python.getMemoryUsage'))['heapUsedBytes']).toBeGreaterThan(100_000);
      expect((await client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'x.heapsnapshot') }))['nodes']).toBeGreaterThan(1000);
      target.tell('go');
      await target.says('shadowed '); // the program still gets its own
      client.close();
    } finally {
      rmSync(shadow, { recursive: true });
    }
  });

  it('is injected by one line of code, twice without harm, and leaves when the workbench is gone', async () => {
    const program = [
      'import os, sys',
      'print("up", flush=True)',
      'for line in sys.stdin:',
      '    exec(line)',
      '    print("next", flush=True)',
    ].join('\n');
    const target = launch(path, ['-c', program], { agent: false });
    await target.says('up');
    const line = `exec(compile(open(${JSON.stringify(INJECT)}).read(),${JSON.stringify(INJECT)},"exec"),{"__name__":"heaphouse_agent_inject","RENDEZVOUS":${JSON.stringify(target.rendezvous)}})`;
    target.tell(line);
    const meeting = await target.meet();
    expect(meeting.pid).toBe(target.pid);
    target.tell(line);
    await pause(300);
    const client = await Client.open(meeting.webSocketUrl);
    expect((await client.call('Python.getInfo'))['startedBy']).toBe('inject');
    expect(await client.evaluate('[n for n in __import__("sys").path if "heaphouse" in n] == []')).toBe(true);
    rmSync(target.rendezvous, { recursive: true });
    client.close();
    target.tell('import time; end = time.time() + 10');
    target.tell('while len(os.listdir("/proc/self/task")) > 1 and time.time() < end: time.sleep(0.01)');
    target.tell('print("left", [n for n in sys.modules if "heaphouse" in n], len(os.listdir("/proc/self/task")), flush=True)');
    await target.says('left [] 1');
    expect(target.stderr).toBe('');
  });

  it('leaves nothing, or without native parts empty shells of classes, to a program whose collector is off', async () => {
    const program = [
      'import array, gc, os, sys',  // array: from 3.12 on it imports modules that leave garbage of their own
      'gc.collect(); gc.disable()',
      'def look():',
      '    gc.set_debug(gc.DEBUG_SAVEALL); gc.collect(); gc.set_debug(0)',
      '    code = [f.__qualname__ for f in gc.garbage if type(f).__name__ == "function"]',
      '    modules = [m for m in gc.garbage if type(m) is type(sys)]',
      '    spaces = [d for d in gc.garbage if type(d) is dict and "__name__" in d]',
      '    paths = [p for p in list(sys.path_importer_cache) + sys.path if p.startswith(AGENT)]',
      '    print("left", len(modules), len(spaces), code[:9], paths, len(gc.garbage), sum(map(sys.getsizeof, gc.garbage)) < 200000, flush=True)',
      'print("up", flush=True)',
      'for line in sys.stdin:',
      '    exec(line)',
    ].join('\n');
    const target = launch(path, ['-c', program], { agent: false });
    await target.says('up');
    target.tell(`exec(compile(open(${JSON.stringify(INJECT)}).read(),${JSON.stringify(INJECT)},"exec"),{"__name__":"heaphouse_agent_inject","RENDEZVOUS":${JSON.stringify(target.rendezvous)}})`);
    const client = await Client.open((await target.meet()).webSocketUrl);
    expect(await client.evaluate('6 * 7')).toBe(42);
    await client.call('Python.enable', { batches: true });
    await client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'one.heapsnapshot'), reportProgress: false });
    await client.call('Python.detach');
    await until('the end of the agent', () => client.closed !== undefined);
    target.tell('import time; end = time.time() + 10');
    target.tell('while len(os.listdir("/proc/self/task")) > 1 and time.time() < end: time.sleep(0.01)');
    target.tell(`AGENT = ${JSON.stringify(PACKAGE_PARENT)}`);
    target.tell('look()');
    await target.says('left ');
    expect(target.stdout).toMatch(native.built ? /left 0 0 \[\] \[\] 0 True/ : /left 0 0 \[\] \[\] \d+ True/);
    expect(target.stderr).toBe('');
  });

  it('leaves while code that was asked for still runs; the next agent is not disturbed by its end', async () => {
    const target = launch(path, ['-u', '-c', 'import os, sys, time\nprint("up")\nfor line in sys.stdin:\n    exec(line)'], { agent: false });
    await target.says('up');
    const line = `exec(compile(open(${JSON.stringify(INJECT)}).read(),${JSON.stringify(INJECT)},"exec"),{"__name__":"heaphouse_agent_inject","RENDEZVOUS":${JSON.stringify(target.rendezvous)}})`;
    target.tell(line);
    const first = await Client.open((await target.meet()).webSocketUrl);
    void first.request('Runtime.evaluate', { expression: '__import__("time").sleep(1.5)' });
    await first.call('Python.getMemoryUsage');
    await first.call('Python.detach');
    await until('the end of the agent', () => first.closed !== undefined && target.meetings().length === 0);
    target.tell(line);
    const second = await Client.open((await target.meet()).webSocketUrl);
    expect(await second.evaluate('len(__import__("os").listdir("/proc/self/task"))')).toBeGreaterThanOrEqual(4); // the program, two of the second, one of the first
    await until('the end of the first', () => readdirSync(`/proc/${target.pid}/task`).length === 2);
    expect(await second.evaluate('"heaphouse_agent" in __import__("sys").modules')).toBe(true);
    await second.call('Python.detach');
    await until('the end of the second', () => readdirSync(`/proc/${target.pid}/task`).length === 1);
    target.tell('print("left", [n for n in sys.modules if "heaphouse" in n], sys.getswitchinterval())');
    await target.says('left [] 0.005');
    expect(target.stderr).toBe('');
  });

  it('makes the switch interval short while it works, and only then', async () => {
    const target = launch(path, ['-u', '-c', 'import sys\nprint("up")\nfor line in sys.stdin:\n    print("interval", sys.getswitchinterval(), ";")']);
    const client = await Client.open((await target.meet()).webSocketUrl);
    await target.says('up');
    const seen = async (): Promise<number> => {
      const from = target.stdout.length;
      target.tell('');
      return Number((await until('the interval', () => /interval (\S+) ;/.exec(target.stdout.slice(from)) ?? undefined))[1]);
    };
    const settles = async (value: number): Promise<void> => {
      for (const end = Date.now() + 10_000; (await seen()) !== value; await pause(10)) expect(Date.now(), `still ${await seen()}`).toBeLessThan(end);
    };
    await settles(0.005);
    if (native.built) expect(await client.evaluate('__import__("sys").modules["heaphouse_agent.lifecycle"].current.server.poll.words[0] > 0')).toBe(true);
    expect(await client.evaluate('__import__("sys").getswitchinterval()')).toBeLessThan(0.001);
    await settles(0.005);
    // Not for as long as code of the program takes.
    expect(await client.evaluate('[__import__("time").sleep(0.6), __import__("sys").getswitchinterval()][1]')).toBe(0.005);
    // What the program sets meanwhile stays.
    await client.evaluate('__import__("sys").setswitchinterval(0.02)');
    await settles(0.02);
    await client.call('Python.detach');
    await until('the end of the agent', () => client.closed !== undefined);
    await settles(0.02);
    expect(target.stderr).toBe('');
  });

  it('starts from a program, stops, and starts again', () => {
    const code = [
      'import sys, os, gc',
      `sys.path.insert(0, ${JSON.stringify(PACKAGE_PARENT)})`,
      'import heaphouse_agent',
      'first = heaphouse_agent.start()',
      'assert heaphouse_agent.start() == first, "one agent per process"',
      'heaphouse_agent.stop()',
      'assert not [n for n in sys.modules if "heaphouse" in n]',
      'import heaphouse_agent',
      'second = heaphouse_agent.start()',
      'assert second != first and second.startswith("ws://127.0.0.1:")',
      'heaphouse_agent.stop()',
      'import time; end = time.time() + 5',
      'while len(os.listdir("/proc/self/task")) > 1 and time.time() < end: time.sleep(0.01)',
      'print("ok", len(os.listdir("/proc/self/task")))',
    ].join('\n');
    const run = spawnSync(path, ['-c', code], { encoding: 'utf8', timeout: 20_000 });
    expect([run.stdout.trim(), run.stderr, run.status]).toEqual(['ok 1', '', 0]);
  });

  it('can hold a launched program until the recording has begun', async () => {
    const target = launch(path, ['-c', 'print("first line", flush=True)'], { env: { HEAPHOUSE_WAIT: '1' } });
    const client = await Client.open((await target.meet()).webSocketUrl);
    await pause(200);
    expect(target.stdout).toBe('');
    await client.call('Runtime.runIfWaitingForDebugger');
    await target.says('first line');
    expect((await target.ended()).code).toBe(0);
  });

  it('is no obstacle to a program that ends during a snapshot', async () => {
    for (const mode of ['fork', 'inProcess']) {
      const target = launch(path, ['-c', 'import sys\nkeep=[[i] for i in range(200000)]\nprint("up", flush=True)\nsys.stdin.readline()\nprint("end", flush=True)']);
      const client = await Client.open((await target.meet()).webSocketUrl);
      await target.says('up');
      const file = join(target.folder, 'late.heapsnapshot');
      const running = client.request('Python.writeHeapSnapshot', { path: file, mode });
      await until('progress', () => client.events.some((one) => one.method.endsWith('Progress')));
      target.tell('go');
      expect(await target.ended()).toEqual({ code: 0, signal: null });
      expect((await running).error).toBeDefined();
      await until('end of the copy', () => spawnSync('pgrep', ['-f', target.rendezvous]).status !== 0, 5000);
      if (mode === 'fork') await until('removal of the partial file', () => !existsSync(file), 5000);
      expect(target.stderr).toBe('');
    }
  });
});

const old = oldInterpreters();
if (old.length === 0) it.skip('refuses CPython before 3.8 politely (no such interpreter on this machine)', () => undefined);

describe.each(old)('agent on CPython $version', ({ path }) => {
  it('refuses politely and lets the program run', async () => {
    const target = launch(path, ['-c', 'print("runs")']);
    expect(await target.ended()).toEqual({ code: 0, signal: null });
    expect([target.stdout.trim(), target.stderr]).toEqual(['runs', '']);
    const error = JSON.parse(readFileSync(join(target.rendezvous, `${target.pid}.error.json`), 'utf8')) as { error: string } & Partial<Meeting>;
    expect(error).toMatchObject({ version: 1, pid: target.pid, error: expect.stringContaining('needs CPython 3.8') as string });
  });
});
