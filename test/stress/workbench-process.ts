/**
 * A workbench in a process of its own that somebody will kill: launches a sample, records it, takes snapshots one after
 * the other, and tells on stdout (one JSON object a line) what it knows. Arguments: sessions folder, kind of target, marker.
 */
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { toWireError } from '#shared/rpc/errors.ts';
import type { HostProcess, StartHost } from '#main/workbench/host-process.ts';
import { startNodeHost } from '#main/workbench/node-host-process.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';

const [sessionsDir, kind, marker] = process.argv.slice(2);
const tell = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
const hosts: HostProcess[] = [];
const startHost: StartHost = (hostKind, label) => {
  const host = startNodeHost(hostKind, label);
  hosts.push(host);
  if (hostKind === 'session') tell({ event: 'host', pid: host.pid });
  return host;
};

const workbench = createWorkbench({ sessionsDir, cwd: process.cwd(), startHost, log: (text) => tell({ event: 'log', text }) });
const sessions = workbench.client.service(sessionsContract);
const targets = workbench.client.service(targetsContract);
let ending = false;
process.on('SIGTERM', () => {
  ending = true;
  void workbench.dispose().then(() => process.exit(0));
});
sessions.on('changed', {}, (list) => {
  for (const { id, dir, state, target, snapshots, problem } of list) {
    tell({ event: 'session', id, dir, state, pid: target?.pid ?? null, snapshots: snapshots.map((one) => ({ number: one.number, state: one.state })), problem: problem?.message ?? null });
  }
});

const sample = kind === 'python' ? { command: 'python3', args: ['test/samples/leaky.py'] } : { command: process.execPath, args: ['test/samples/leaky.js'] };
try {
  const { sessionId } = await targets.launch({ command: sample.command, args: [...sample.args, '--churn', '--objects', '60000', '--leak-at', '0', marker], env: {} });
  const timeline = workbench.client.service(timelineContract, sessionId);
  timeline.on('appended', {}, ({ lastAt, samples, collections }) => tell({ event: 'recorded', lastAt, samples, collections }), () => undefined);
  tell({ event: 'attached' });
  for (let n = 1; !ending; n++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await sessions.mark({ sessionId, label: `mark ${n}` }).then(() => tell({ event: 'marked', n }), () => undefined);
    const taken = await sessions.takeSnapshot({ sessionId }).catch((error: unknown) => {
      tell({ event: 'refused', message: toWireError(error).message });
      return null;
    });
    if (taken) tell({ event: 'taken', number: taken.number, bytes: taken.bytes });
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
} catch (error) {
  if (!ending) tell({ event: 'failed', message: toWireError(error).message, detail: toWireError(error).detail });
}
