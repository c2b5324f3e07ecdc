/** Moves an inspector that SIGUSR1 opened off the port that every other Node.js would want. */
import { createServer } from 'node:net';
import { WebSocket } from 'ws';
import { MOVED_PORTS, moveInspectorSource } from '#main/agents/v8/inspector-port.ts';
import { readTargets } from '../devtools-http.ts';
import { pickTarget } from '../devtools-target.ts';
import { readListeningPorts } from '../proc/read.ts';

/** A program that does not come back to its event loop within this time keeps the port. */
const LOOP_WAIT_MS = 250;
/** Closing, opening, listening. */
const MOVE_WAIT_MS = 1_500;
const POLL_MS = 15;

/** The new address; null when it stayed where it is. No errors: a process that ended shows in the next step. */
export async function moveInspector(pid: number, webSocketUrl: string): Promise<{ port: number; webSocketUrl: string } | null> {
  const port = await freePort();
  if (port === null || !(await askToMove(webSocketUrl, port))) return null;
  const deadline = Date.now() + MOVE_WAIT_MS;
  while (Date.now() < deadline) {
    if ((await readListeningPorts(pid)).some((socket) => socket.port === port)) {
      const url = await readTargets('127.0.0.1', port, {}).then(
        (targets) => pickTarget(targets)?.webSocketUrl ?? null,
        () => null,
      );
      if (url !== null) return { port, webSocketUrl: url };
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return null;
}

/** From a random start, so that two workbenches do not try the same ones in the same order. */
async function freePort(): Promise<number | null> {
  const size = MOVED_PORTS.to - MOVED_PORTS.from + 1;
  const start = Math.floor(Math.random() * size);
  for (let step = 0; step < size; step++) {
    const port = MOVED_PORTS.from + ((start + step) % size);
    if (await canListen(port)) return port;
  }
  return null;
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether the inspector has closed to move. */
function askToMove(webSocketUrl: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(webSocketUrl, { handshakeTimeout: MOVE_WAIT_MS, perMessageDeflate: false });
    const timer = setTimeout(() => finish(false), LOOP_WAIT_MS * 2 + MOVE_WAIT_MS);
    let stays: NodeJS.Timeout | undefined;
    function finish(moves: boolean): void {
      clearTimeout(timer);
      clearTimeout(stays);
      socket.terminate();
      resolve(moves);
    }
    socket.on('error', () => finish(false));
    // Only the move closes it, once it has been asked for.
    socket.on('close', () => finish(stays !== undefined));
    socket.on('open', () => {
      const expression = moveInspectorSource(port, LOOP_WAIT_MS);
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression, includeCommandLineAPI: true, silent: true, returnByValue: true } }));
    });
    socket.on('message', (data: Buffer) => {
      if (!data.includes('"value":true')) finish(false);
      else stays = setTimeout(() => finish(false), LOOP_WAIT_MS * 2);
    });
  });
}
