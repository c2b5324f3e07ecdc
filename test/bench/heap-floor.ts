/**
 * The floor: integers of nodes and edges into typed arrays, and an index of where strings begin. Nothing can be shown
 * with less. `node heap-floor.ts FILE` prints one line of JSON. It reads Node.js files only and checks nothing.
 */
import { open } from 'node:fs/promises';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: heap-floor.ts FILE');

const started = performance.now();
const handle = await open(file, 'r');
const head = Buffer.alloc(1 << 16);
await handle.read(head, 0, head.length, 0);
const nodeCount = Number(/"node_count":\s*(\d+)/.exec(head.toString())![1]);
const edgeCount = Number(/"edge_count":\s*(\d+)/.exec(head.toString())![1]);
const width = (JSON.parse(/"node_fields":(\[[^\]]*\])/.exec(head.toString())![1]!) as string[]).length;

const nodes = new Uint32Array(nodeCount * width);
const edges = new Uint32Array(edgeCount * 3);
let strings = new Uint32Array(1 << 20);
let stringCount = 0;
const chunk = Buffer.alloc(1 << 20);
let section = 0; // 0 before nodes, 1 nodes, 2 before edges, 3 edges, 4 before strings, 5 strings
let target = nodes;
let at = 0;
let value = 0;
let inNumber = false;
let inString = false;
let escape = false;
let offset = 0;
let tail = '';
const marks = ['"nodes":[', '', '"edges":[', '', '"strings":['];
for (;;) {
  const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
  if (bytesRead === 0) break;
  let p = 0;
  while (p < bytesRead) {
    if (section === 1 || section === 3) {
      let done = false;
      while (p < bytesRead) {
        const byte = chunk[p++]!;
        const digit = byte - 48;
        if (digit >>> 0 <= 9) {
          value = (value * 10 + digit) | 0;
          inNumber = true;
        } else {
          if (inNumber) target[at++] = value;
          value = 0;
          inNumber = false;
          if (byte === 0x5d) {
            done = true;
            break;
          }
        }
      }
      if (done) section++;
    } else if (section === 5) {
      for (; p < bytesRead; p++) {
        const byte = chunk[p]!;
        if (inString) {
          if (escape) escape = false;
          else if (byte === 0x5c) escape = true;
          else if (byte === 0x22) inString = false;
        } else if (byte === 0x22) {
          inString = true;
          if (stringCount === strings.length) {
            const grown = new Uint32Array(strings.length * 2);
            grown.set(strings);
            strings = grown;
          }
          strings[stringCount++] = offset + p;
        } else if (byte === 0x5d) break;
      }
      if (p < bytesRead) section = 6;
    } else if (section === 6) break;
    else {
      const mark = marks[section]!;
      const text = tail + chunk.toString('latin1', p, bytesRead);
      const found = text.indexOf(mark);
      if (found < 0) {
        tail = text.slice(-mark.length);
        p = bytesRead;
      } else {
        p += found + mark.length - tail.length;
        tail = '';
        section++;
        target = section === 1 ? nodes : edges;
        at = 0;
      }
    }
  }
  offset += bytesRead;
}
await handle.close();
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const maxRssBytes = maxRSS * 1024;
const cpuMs = (userCPUTime + systemCPUTime) / 1000;
console.log(JSON.stringify({ ms: performance.now() - started, cpuMs, maxRssBytes, nodes: nodeCount, strings: stringCount }));
