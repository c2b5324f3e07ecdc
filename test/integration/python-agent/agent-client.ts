import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import WebSocket from 'ws';

const AGENT = resolve(import.meta.dirname, '../../../main/agents/python');
export const BOOTSTRAP = join(AGENT, 'bootstrap');
export const INJECT = join(AGENT, 'inject.py');
export const PACKAGE_PARENT = AGENT;
export const TARGETS = join(import.meta.dirname, 'targets');

/** What the agent writes into the rendezvous folder. */
export interface Meeting {
  readonly version: number;
  readonly pid: number;
  readonly ppid: number;
  readonly port: number;
  readonly path: string;
  readonly webSocketUrl: string;
  readonly pythonVersion: string;
  readonly executable: string;
  readonly argv: readonly string[];
  readonly startedAt: number;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Params = Record<string, Json>;

export interface Reply {
  readonly result?: Params;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface CdpEvent {
  readonly method: string;
  readonly params: Params;
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Polls until `look` gives a value; fails with `what` after `timeoutMs`. */
export async function until<T>(what: string, look: () => T | undefined | false, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}`);
    await pause(20);
  }
}

/** Programs of this test process: none outlives it, also where a test forgets one that failed. */
const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A Python program started with the agent on its path, and everything to clean up after it. */
export class Target {
  readonly rendezvous: string;
  readonly folder: string;
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  exit: { code: number | null; signal: string | null } | undefined;

  constructor(python: string, args: string[], options: { env?: Record<string, string>; agent?: boolean } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'agent-test-'));
    this.rendezvous = mkdtempSync(join(tmpdir(), 'agent-meet-'));
    const env: Record<string, string> = { PATH: process.env['PATH'] ?? '', HOME: this.folder, LANG: 'C.UTF-8' };
    if (options.agent !== false) {
      env['PYTHONPATH'] = BOOTSTRAP;
      env['HEAPHOUSE_AGENT'] = this.rendezvous;
    }
    this.child = spawn(python, args, { env: { ...env, ...options.env }, cwd: this.folder });
    this.child.stdout.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.child.stderr.on('data', (data: Buffer) => (this.stderr += data.toString()));
    running.add(this.child);
    this.child.on('close', (code, signal) => {
      running.delete(this.child);
      this.exit = { code, signal };
    });
    this.child.stdin.on('error', () => undefined);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Files in the rendezvous folder. */
  meetings(): string[] {
    return existsSync(this.rendezvous) ? readdirSync(this.rendezvous).filter((name) => !name.endsWith('.part')) : [];
  }

  async meet(pid = this.pid): Promise<Meeting> {
    const file = join(this.rendezvous, `${pid}.json`);
    await until(`${file}; stderr: ${this.stderr}`, () => existsSync(file) || this.exit !== undefined);
    return JSON.parse(readFileSync(file, 'utf8')) as Meeting;
  }

  /** Waits for a line the program prints. */
  async says(text: string): Promise<void> {
    await until(`"${text}" from the program; stdout: ${this.stdout} stderr: ${this.stderr}`, () => this.stdout.includes(text));
  }

  /** Sends a line to the program's standard input. */
  tell(line: string): void {
    this.child.stdin.write(line + '\n');
  }

  async ended(): Promise<{ code: number | null; signal: string | null }> {
    return until(`exit of the program; stdout: ${this.stdout} stderr: ${this.stderr}`, () => this.exit);
  }

  async dispose(): Promise<void> {
    if (!this.exit) {
      this.child.kill('SIGKILL');
      await this.ended();
    }
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.rendezvous, { recursive: true, force: true });
  }
}

/** A CDP connection to an agent. */
export class Client {
  readonly events: CdpEvent[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #last = 0;
  closed: number | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { id?: number } & Reply & CdpEvent;
      if (message.id === undefined) this.events.push(message);
      else this.#waiting.get(message.id)?.(message);
    });
    socket.on('close', (code) => {
      this.closed = code;
      for (const answer of this.#waiting.values()) answer({ error: { code: 0, message: 'connection closed' } });
    });
    socket.on('error', () => undefined);
  }

  static open(url: string, options: WebSocket.ClientOptions = {}): Promise<Client> {
    return new Promise((done, fail) => {
      const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
      const client = new Client(socket);
      socket.once('open', () => done(client));
      socket.once('error', fail);
    });
  }

  /** Sends a request; resolves with the whole reply, error or result. */
  request(method: string, params: Params = {}): Promise<Reply> {
    const id = ++this.#last;
    return new Promise((done) => {
      this.#waiting.set(id, done);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Sends a request that must succeed. */
  async call(method: string, params: Params = {}): Promise<Params> {
    const reply = await this.request(method, params);
    if (!reply.result) throw new Error(`${method}: ${reply.error?.message ?? 'no result'}`);
    return reply.result;
  }

  /** Value of a Python expression evaluated in `__main__`. */
  async evaluate(expression: string): Promise<Json | undefined> {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as Params)['value'];
  }

  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/** Sends bytes to a loopback port and collects everything until the peer closes. */
export function exchange(port: number, data: string | Buffer, timeoutMs = 5000): Promise<Buffer> {
  return new Promise((done, fail) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(data));
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      fail(new Error('no answer in time'));
    });
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => socket.end());
    socket.on('close', () => done(Buffer.concat(parts)));
    socket.on('error', () => done(Buffer.concat(parts)));
  });
}
