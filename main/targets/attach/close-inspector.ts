/**
 * Closes an inspector that we opened when nobody is left to do it: an attach that was cancelled halfway, a session host
 * that ended without detaching. The session host does it itself on an orderly detach.
 */
import { WebSocket } from 'ws';
import { CLOSE_INSPECTOR_SOURCE } from '#main/agents/v8/inspector-port.ts';
import { readListeningPorts } from '../proc/read.ts';

const TIMEOUT_MS = 2_000;

/** Does nothing when the process no longer listens on the port. Never throws. */
export async function closeInspector(pid: number, port: number, webSocketUrl: string): Promise<void> {
  if (!(await readListeningPorts(pid)).some((socket) => socket.port === port)) return;
  await new Promise<void>((resolve) => {
    const socket = new WebSocket(webSocketUrl, { handshakeTimeout: TIMEOUT_MS, perMessageDeflate: false });
    const timer = setTimeout(done, TIMEOUT_MS);
    function done(): void {
      clearTimeout(timer);
      socket.terminate();
      resolve();
    }
    socket.on('error', done);
    socket.on('close', done);
    socket.on('open', () => {
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: CLOSE_INSPECTOR_SOURCE, includeCommandLineAPI: true, silent: true, returnByValue: true } }));
    });
    socket.on('message', done);
  });
}
