/**
 * A service as they are, without the network: sessions of users with their requests, a cache with weak keys, timers and
 * handlers. Writes a snapshot of itself: `node heap-service.cjs FILE SESSIONS [LATER]`, and where LATER is named one more after a
 * while, in which a tenth of the sessions went and an eighth as many came. About 22 nodes a session. Plain JavaScript, so that
 * any Node.js runs it.
 */
'use strict';
const { writeHeapSnapshot } = require('node:v8');

const [file, sessionCount, later] = [process.argv[2], Number(process.argv[3]), process.argv[4]];

/** Always the same numbers, so that two runs give alike files. */
let seed = 1;
function random(below) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed % below;
}

class User {
  constructor(id) {
    this.id = id;
    this.name = `user ${id}`;
    this.roles = ROLES.slice(0, 1 + random(ROLES.length));
    this.sessions = [];
  }
}

class Request {
  constructor(session, path) {
    this.session = session;
    this.path = path;
    this.host = HOSTS[random(HOSTS.length)];
    this.startedAt = random(1e9) + 0.5;
    this.headers = { accept: '*/*', host: this.host, trace: [random(1e9), random(1e9)].join('-') };
    this.previous = null;
    this.next = null;
  }
}

class Session {
  constructor(id, user) {
    this.id = id;
    this.user = user;
    this.token = ['token', id, random(1e9).toString(36)].join('-');
    this.createdAt = new Date(1.7e12 + id * 1000);
    this.requests = [];
    this.data = new Map([['cart', { items: [id, user.id, random(1000)], total: random(1e6) / 7 }]]);
    this.onClose = () => {
      this.user.sessions = this.user.sessions.filter((other) => other !== this);
    };
    this.peer = null;
    this.note = [TEXT[random(TEXT.length)], id, TEXT[random(TEXT.length)]].join(' ');
  }

  handle(path) {
    const request = new Request(this, path);
    const last = this.requests.at(-1);
    if (last) {
      request.previous = last;
      last.next = request;
    }
    this.requests.push(request);
  }
}

const ROLES = ['reader', 'writer', 'admin', 'owner'];
const HOSTS = ['a.example', 'b.example', 'c.example'];
const TEXT = Array.from({ length: 30 }, (_, i) => `${'Read this before the next call. '.repeat(2 + (i % 4))}${i}`);
const PATHS = Array.from({ length: 50 }, (_, i) => `/api/v1/things/${i}`);

const users = Array.from({ length: Math.ceil(sessionCount / 20) }, (_, id) => new User(id));
const sessions = new Map();
const weak = new WeakMap();
let previous = null;
function open(from, to) {
  for (let id = from; id < to; id++) {
    const user = users[random(users.length)];
    const session = new Session(id, user);
    user.sessions.push(session);
    for (let i = 1 + random(3); i > 0; i--) session.handle(PATHS[random(PATHS.length)]);
    session.peer = previous;
    previous = id % 100 === 0 ? null : session;
    if (id % 50 === 0) weak.set(session, { seen: id });
    sessions.set(session.token, session);
  }
}
open(0, sessionCount);
globalThis.service = { users, sessions, weak };
writeHeapSnapshot(file);
if (later !== undefined) {
  let closed = 0;
  for (const [token, session] of sessions) {
    if (++closed > sessionCount / 10) break;
    session.onClose();
    sessions.delete(token);
  }
  open(sessionCount, sessionCount + Math.floor(sessionCount / 8));
  writeHeapSnapshot(later);
}
