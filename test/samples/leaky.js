/**
 * A service with a planted leak, Node.js 20 to 24, no dependencies.
 *
 * Truth:
 *  - The leak phase makes exactly --objects (10,000) objects of class `Session` and keeps every one in the module-level
 *    Map `cache` (key: its number). Nothing else refers to them. Before the phase there is none.
 *  - Each Session holds `number`, `user` (string, `user-000042`) and `payload` (a Uint8Array with a buffer of its own of
 *    exactly --payload (1,024) bytes, outside of V8's heap).
 *  - With --churn the program also makes and drops `Request` objects all the time. The array `recent` always holds 100
 *    of them, from before the first phase on: their number does not grow.
 *
 * Phases, options and output are those of leaky.py: `phase NAME begin|end`, first `truth {json}`, last `result NUMBER`.
 */
'use strict';
const fs = require('node:fs');

const cache = new Map();
const recent = new Array(100).fill(null);

class Session {
  constructor(number, payloadBytes) {
    this.number = number;
    this.user = 'user-' + String(number).padStart(6, '0');
    this.payload = new Uint8Array(payloadBytes).fill(number % 251);
  }
}

class Request {
  constructor(number) {
    this.number = number;
    this.headers = { host: 'example.org', number: String(number) };
    this.body = [number, number + 1, number + 2];
  }
}

function leak(count, payloadBytes) {
  for (let number = 0; number < count; number++) cache.set(number, new Session(number, payloadBytes));
}

let served = 0;
function churn(count) {
  for (let i = 0; i < count; i++, served++) recent[served % recent.length] = new Request(served);
}

function say(text) {
  // Synchronous, so that the last line is out before the process ends, also when it is a pipe.
  fs.writeSync(1, text + '\n');
}

function option(name, fallback) {
  const index = process.argv.indexOf('--' + name);
  return index < 0 ? fallback : process.argv[index + 1];
}

const options = {
  objects: Number(option('objects', process.env.LEAKY_OBJECTS || 10000)),
  payload: Number(option('payload', 1024)),
  leakAt: Number(option('leak-at', 2)),
  holdAfter: option('hold-after', null),
  trigger: option('trigger', null),
  churn: process.argv.includes('--churn'),
  stdin: process.argv.includes('--stdin'),
};

let lines = 0;
let stepAt = Date.now();
if (options.stdin) {
  process.stdin.on('data', (bytes) => {
    for (const byte of bytes) if (byte === 10) lines++;
  });
  process.stdin.unref?.(); // /dev/null has none
}

function due(after) {
  let ok;
  if (options.stdin) {
    ok = lines > 0;
    if (ok) lines--;
  } else if (options.trigger) {
    ok = fs.existsSync(options.trigger);
    if (ok) fs.unlinkSync(options.trigger);
  } else {
    ok = after !== null && Date.now() - stepAt >= Number(after) * 1000;
  }
  if (ok) stepAt = Date.now();
  return ok;
}

function run(after, then) {
  const timer = setInterval(() => {
    if (options.churn) churn(50);
    if (!due(after)) return;
    clearInterval(timer);
    then();
  }, 10);
}

say('truth ' + JSON.stringify({
  class: 'Session', holder: 'cache', objects: options.objects, payloadBytes: options.payload, pid: process.pid, node: process.versions.node,
}));
if (options.churn) churn(200);
say('phase ready begin');
run(options.leakAt, () => {
  say('phase ready end');
  say('phase leak begin');
  leak(options.objects, options.payload);
  say('phase leak end');
  say('phase hold begin');
  run(options.holdAfter, () => {
    say('phase hold end');
    let result = 0;
    for (const session of cache.values()) result += session.number * session.payload.length + session.user.length;
    say('result ' + result);
    process.exitCode = 0;
  });
});
