/** A Python under watch, whose program runs the lines that a test sends it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, type SessionClient } from '../capture/session-client.ts';
import { BOOTSTRAP } from '../python-agent/agent-client.ts';

/** Runs before `running` is printed; then every line of stdin is executed, `done` after each. */
const LOOP = `
print('running', flush=True)
for line in sys.stdin:
    exec(line)
    print('done', flush=True)
`;

export interface PythonProgram {
  pid: number;
  webSocketUrl: string;
  run(line: string): Promise<void>;
  stdout(): string;
  kill(): Promise<void>;
}

/** Starts `program` (Python source) with our agent and lets `host` record it into `dir`. */
export async function startWatchedPython(host: SessionClient, dir: string, python: string, program: string, env: Record<string, string> = {}): Promise<PythonProgram> {
  const meeting = mkdtempSync(join(dir, 'meeting-'));
  const child = spawn(python, ['-c', `import sys\n${program}${LOOP}`], { env: { ...process.env, PYTHONPATH: BOOTSTRAP, HEAPHOUSE_AGENT: meeting, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const path = join(meeting, `${child.pid}.json`);
    const { webSocketUrl } = await until('the agent', () => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { webSocketUrl: string }) : null));
    await until('the program', () => stdout.includes('running'), 30_000);
    const pid = child.pid!;
    await host.capture.start({ dir, target: { kind: 'python', pid, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 50 });
    let lines = 0;
    const run = async (line: string) => {
      child.stdin.write(`${line}\n`);
      lines++;
      await until(line, () => stdout.split('done').length > lines, 30_000);
    };
    return { pid, webSocketUrl, run, stdout: () => stdout, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Resident memory by another file of /proc than the one that is tested. */
export function statmBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096;
}
