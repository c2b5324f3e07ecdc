/**
 * Keeps the collector busy: short-lived objects for scavenges, and a ring of 200 arrays that live for a while and are
 * then dropped for major collections, for --seconds (default 5; 0: for ever). Prints `ready` and at the end `result ROUNDS`.
 */
'use strict';
const fs = require('node:fs');
const index = process.argv.indexOf('--seconds');
const seconds = Number(index < 0 ? 5 : process.argv[index + 1]);
const ring = new Array(200).fill(null);
const end = seconds > 0 ? Date.now() + seconds * 1000 : Infinity;
let rounds = 0;
fs.writeSync(1, 'ready\n');
const timer = setInterval(() => {
  for (let i = 0; i < 20; i++) ring[rounds++ % ring.length] = Array.from({ length: 2000 }, (_, n) => ({ n }));
  if (Date.now() < end) return;
  clearInterval(timer);
  fs.writeSync(1, 'result ' + rounds + '\n');
}, 5);
