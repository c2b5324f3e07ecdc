/**
 * Holds many objects (--objects, default 1,500,000) so that a snapshot takes a while, and is killed from outside in it:
 * a child process sends SIGKILL --after seconds (default 1.0) after `ready`, also while V8 stands still for the snapshot.
 */
'use strict';
const { spawn } = require('node:child_process');
function option(name, fallback) {
  const index = process.argv.indexOf('--' + name);
  return index < 0 ? fallback : process.argv[index + 1];
}
const held = [];
for (let i = 0; i < Number(option('objects', 1500000)); i++) held.push({ name: 'n' + i });
process.stdout.write('ready\n', () => {
  spawn('sh', ['-c', 'sleep "$1"; kill -KILL "$2"', 'sh', String(option('after', 1)), String(process.pid)], { stdio: 'ignore' });
});
setInterval(() => held.length, 1000);
