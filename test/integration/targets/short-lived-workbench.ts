/** A workbench for the test that kills one: attaches to the process given, stays connected, shortens the agent's patience. */
import { WebSocket } from 'ws';
import { attachProcess } from '#main/targets/attach.ts';

const [pid = '', rendezvousDir = ''] = process.argv.slice(2);
const { capture } = await attachProcess(Number(pid), { rendezvousDir });
const socket = new WebSocket(capture.webSocketUrl, { perMessageDeflate: false });
await new Promise((resolve) => socket.once('open', resolve));
socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: "setattr(__import__('sys').modules['heaphouse_agent.lifecycle'], 'LOST_TIMEOUT', 1.0)" } }));
await new Promise((resolve) => socket.once('message', resolve));
process.stdout.write('attached\n');
setInterval(() => undefined, 60_000);
