// Worker threads: `threads.js [THREADS]`, two unless told. The first keeps every `Crunched` it makes (planted), the
// others let them go; all make the same.
'use strict';
const { Worker, isMainThread, threadId, workerData } = require('worker_threads');

class Crunched {
  constructor(number) {
    this.number = number;
    this.text = `thread ${threadId} number ${number}`;
  }
}

if (isMainThread) {
  const count = Number(process.argv[2] || 2);
  let online = 0;
  const workers = Array.from({ length: count }, (_, index) => new Worker(__filename, { workerData: { keeps: index === 0 } }));
  for (const worker of workers) {
    worker.on('online', () => {
      if (++online === count) console.log('threads', count);
    });
  }
} else {
  const results = [];
  let number = 0;
  setInterval(() => {
    for (let i = 0; i < 50; i++) results.push(new Crunched(number++));
    if (!workerData.keeps) results.length = 0;
  }, 20);
}
