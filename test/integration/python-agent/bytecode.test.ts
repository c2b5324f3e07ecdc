/** Compiled modules that the workbench gives along: used when they are the agent's own, left alone otherwise. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachProcess } from '#main/targets/attach.ts';
import { Client, PACKAGE_PARENT, Target, until } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found, missing } = supportedInterpreters();
for (const minor of missing) it.skip(`compiled modules on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

const STDIN = 'import sys\nprint("up", flush=True)\nfor line in sys.stdin:\n    exec(line)\n';
const MARKED = '__import__("sys").modules["heaphouse_agent.faults"].__dict__.get("MARK")';
let dir: string;
let targets: Target[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-bytecode-'));
  targets = [];
});
afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.dispose()));
  rmSync(dir, { recursive: true, force: true });
});

async function program(python: string): Promise<Target> {
  const target = new Target(python, ['-c', STDIN], { agent: false });
  targets.push(target);
  await target.says('up');
  return target;
}

/** The agent without anything compiled beside it. */
function copyOfAgent(): string {
  const agent = join(dir, 'agent');
  cpSync(PACKAGE_PARENT, agent, { recursive: true, filter: (path) => !path.includes('__pycache__') });
  return agent;
}

/** Modules as the interpreter compiles them; `faults` says by MARK that it came from here. */
function compileMarked(python: string, agent: string): string {
  const folder = join(dir, 'compiled');
  const marked = join(dir, 'marked');
  cpSync(agent, marked, { recursive: true });
  writeFileSync(join(marked, 'heaphouse_agent', 'faults.py'), '\nMARK = 1\n', { flag: 'a' });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const data = execFileSync(python, ['-I', '-S', '-B', join(marked, 'compile.py')], { encoding: 'utf8' });
  writeFileSync(join(folder, 'modules'), Buffer.from(data, 'base64'), { mode: 0o600 });
  rmSync(marked, { recursive: true });
  return folder;
}

/** What the agent says of MARK after it was injected with these modules. */
async function injectedMark(python: string, agent: string, compiled: string): Promise<unknown> {
  const target = await program(python);
  symlinkSync(compiled, join(target.rendezvous, 'bytecode'));
  const inject = JSON.stringify(join(agent, 'inject.py'));
  target.tell(`exec(compile(open(${inject}).read(),${inject},"exec"),{"__name__":"heaphouse_agent_inject","RENDEZVOUS":${JSON.stringify(target.rendezvous)}})`);
  const client = await Client.open((await target.meet()).webSocketUrl);
  const mark = await client.evaluate(MARKED);
  await client.call('Python.detach');
  await until('the end of the agent', () => client.closed !== undefined);
  return mark;
}

describe.each(found)('compiled modules on CPython $version', ({ path }) => {
  it('are used when they are whole, of this version, and nobody else could write them', async () => {
    const agent = copyOfAgent();
    const compiled = compileMarked(path, agent);
    expect(await injectedMark(path, agent, compiled)).toBe(1);

    const file = join(compiled, 'modules');
    chmodSync(file, 0o666);
    expect(await injectedMark(path, agent, compiled)).toBeNull();
    chmodSync(file, 0o600);

    const good = readFileSync(file);
    const otherVersion = Buffer.from(good);
    otherVersion[0] = (otherVersion[0] ?? 0) ^ 1;
    const damaged = Buffer.from(good);
    damaged[good.length >> 1] = (damaged[good.length >> 1] ?? 0) ^ 1;
    for (const bad of [otherVersion, damaged, good.subarray(0, good.length - 1), Buffer.alloc(0)]) {
      writeFileSync(file, bad);
      expect(await injectedMark(path, agent, compiled)).toBeNull();
    }
    expect(readdirSync(join(agent, 'heaphouse_agent'))).not.toContain('__pycache__');
  });

});

// The workbench's part is the same for all versions.
describe.each([...new Set([found[0], found.at(-1)])].filter((one) => one !== undefined))('compiled modules for CPython $version', ({ path }) => {
  it('are prepared outside of the target, once', async () => {
    const agent = copyOfAgent();
    const cache = join(dir, 'cache');
    const target = await program(path);
    const enter = async () => {
      const attached = await attachProcess(target.pid, { rendezvousDir: join(dir, 'rendezvous'), agentDir: agent, bytecodeDir: cache });
      const client = await Client.open(attached.capture.webSocketUrl);
      const mark = await client.evaluate(MARKED);
      await client.call('Python.detach');
      await until('the end of the agent', () => client.closed !== undefined);
      await attached.dispose();
      return mark;
    };
    expect(await enter()).toBeNull();
    const [made, ...others] = readdirSync(cache);
    expect(others).toEqual([]);
    const folder = join(cache, made as string);
    expect(statSync(cache).mode & 0o077).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
    expect(readdirSync(folder)).toEqual(['modules']);

    // What lies there is taken …
    compileMarked(path, agent);
    cpSync(join(dir, 'compiled', 'modules'), join(folder, 'modules'));
    expect(await enter()).toBe(1);
    // … unless others may write to it, or it is a link.
    chmodSync(folder, 0o777);
    expect(await enter()).toBeNull();
    rmSync(folder, { recursive: true });
    symlinkSync(join(dir, 'compiled'), folder);
    expect(await enter()).toBeNull();
    expect(lstatSync(folder).isSymbolicLink()).toBe(true);
    rmSync(folder);
    chmodSync(cache, 0o777);
    expect(await enter()).toBeNull();
    expect(existsSync(folder)).toBe(false);
    // For other sources others are made.
    chmodSync(cache, 0o700);
    cpSync(join(dir, 'compiled'), folder, { recursive: true });
    expect(await enter()).toBe(1);
    writeFileSync(join(agent, 'heaphouse_agent', 'faults.py'), '\n# a later version\n', { flag: 'a' });
    expect(await enter()).toBeNull();
    expect(readdirSync(cache).length).toBe(2);
  });
});
