/** oom_like.py for Node.js: allocates --mib MiB (default 64) in steps, then ends itself with SIGKILL. */
'use strict';
const fs = require('node:fs');
function option(name, fallback) {
  const index = process.argv.indexOf('--' + name);
  return Number(index < 0 ? fallback : process.argv[index + 1]);
}
const mib = option('mib', 64);
const held = [];
fs.writeSync(1, 'ready\n');
const timer = setInterval(() => {
  held.push(Buffer.alloc(8 * 1024 * 1024, 1));
  fs.writeSync(1, 'allocated ' + held.length * 8 + ' MiB\n');
  if (held.length * 8 >= mib) {
    clearInterval(timer);
    process.kill(process.pid, 'SIGKILL');
  }
}, option('pause', 0.05) * 1000);
