/**
 * A page of Chromium with many elements, some of them detached, some held by script only: `node heap-chromium.mjs FILE
 * ELEMENTS`. Writes a snapshot of the page. CHROMIUM names the browser, else `chromium` on the PATH.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [file, elements] = [process.argv[2], Number(process.argv[3])];
const profile = mkdtempSync(join(tmpdir(), 'heap-chromium-'));
const browser = spawn(process.env.CHROMIUM ?? 'chromium', ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });

function page() {
  const count = ELEMENTS;
  const kept = [];
  for (let i = 0; i < count; i++) {
    const element = document.createElement(['div', 'span', 'p', 'a'][i % 4]);
    element.id = `element-${i}`;
    element.className = `row row-${i % 7}`;
    element.append(`text ${i}`);
    element.addEventListener('click', () => kept.push(i));
    if (i % 10 === 0) kept.push({ element, at: i, shared: kept[0] });
    if (i % 5 !== 0) document.body.append(element);
  }
  const weak = new WeakMap(kept.map((entry) => [entry, { seen: true }]));
  globalThis.held = { kept, weak };
  return document.body.childNodes.length;
}

try {
  let text = '';
  let address;
  for await (const chunk of browser.stderr) {
    text += chunk;
    address = /listening on (ws:\/\/\S+)/.exec(text)?.[1];
    if (address) break;
  }
  if (!address) throw new Error(`The browser did not start: ${text}`);
  const targets = await (await fetch(`http://${new URL(address).host}/json/list`)).json();
  const socket = new WebSocket(targets.find(({ type }) => type === 'page').webSocketDebuggerUrl);
  await once(socket, 'open');
  const waiting = new Map();
  const out = openSync(file, 'w');
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === 'HeapProfiler.addHeapSnapshotChunk') writeSync(out, message.params.chunk);
    else waiting.get(message.id)?.(message);
  });
  let next = 0;
  const call = (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = ++next;
      waiting.set(id, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      socket.send(JSON.stringify({ id, method, params }));
    });
  await call('Runtime.evaluate', { expression: `(${String(page).replace('ELEMENTS', String(elements))})()` });
  await call('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  closeSync(out);
  socket.close();
} finally {
  browser.kill();
  if (browser.exitCode === null && browser.signalCode === null) await once(browser, 'exit');
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
