/**
 * A service that is well, Node.js 20 to 24, no dependencies: what a memory tool must keep silent about.
 *
 * Truth:
 *  - Everything it keeps is bounded: an LRU cache of 256 entries, a ring of the last 200 requests, tables of constant
 *    data, a pool of 8 buffers. It is warm before the line `phase ready begin`; from then on nothing grows.
 *  - It does what programs do: requests come and go, errors are thrown and caught, timers and promises run, listeners are
 *    added and removed.
 *  - No detector of findings has anything to say about it, for one snapshot or two.
 *
 * It ends --hold-after seconds after the start (default: never), or at the end of standard input with --stdin.
 */
'use strict';
const fs = require('node:fs');
const { EventEmitter } = require('node:events');

const recent = new Array(200).fill(null);
const cache = new Map();
const errors = { count: 0 };
const countries = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`C${i}`, `Country number ${i}`]));
const routes = new Map(Array.from({ length: 50 }, (_, i) => [`/route/${i}`, (request) => [i, request.number]]));
const buffers = Array.from({ length: 8 }, () => Buffer.alloc(4096));
const bus = new EventEmitter();
bus.on('request', () => {});

class Request {
  constructor(number) {
    this.number = number;
    this.headers = { host: 'example.org', accept: 'text/html', number: String(number) };
    this.body = [number, number + 1];
  }
}

function cached(key) {
  const found = cache.get(key) ?? { key, value: `value of ${key}` };
  cache.delete(key);
  cache.set(key, found);
  if (cache.size > 256) cache.delete(cache.keys().next().value);
  return found;
}

let number = 0;
function handle() {
  const request = new Request(++number);
  recent[number % recent.length] = request;
  const listener = () => request.number;
  bus.on('request', listener);
  try {
    if (number % 10 === 0) throw new RangeError(`number ${number}`);
    routes.get(`/route/${number % 50}`)(request);
  } catch {
    errors.count++;
  }
  bus.emit('request');
  bus.removeListener('request', listener);
  cached(number % 1000);
  buffers[number % 8][number % 4096] = number % 251;
  return countries[`C${number % 100}`].length;
}

function option(name) {
  const index = process.argv.indexOf('--' + name);
  return index < 0 ? null : process.argv[index + 1];
}

const holdAfter = option('hold-after');
let over = false;
if (process.argv.includes('--stdin')) {
  process.stdin.on('data', () => {});
  process.stdin.on('end', () => {
    over = true;
  });
}
for (let i = 0; i < 5000; i++) handle();
const startedAt = Date.now();
fs.writeSync(1, 'phase ready begin\n');
const timer = setInterval(() => {
  for (let i = 0; i < 20; i++) handle();
  if (over || (holdAfter !== null && Date.now() - startedAt >= Number(holdAfter) * 1000)) {
    clearInterval(timer);
    fs.writeSync(1, 'phase ready end\n');
  }
}, 10);
