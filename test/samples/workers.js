// A server with workers: `workers.js cluster|fork`. Each worker keeps an array; ends when its parent ends.
'use strict';
const cluster = require('cluster');
const { fork } = require('child_process');

const WORKERS = 2;

class Job {
  constructor(number) {
    this.number = number;
  }
}

function work(number) {
  const jobs = Array.from({ length: 1000 * (number + 1) }, (_, index) => new Job(index));
  let total = 0;
  setInterval(() => {
    for (const job of jobs) total += job.number;
  }, 20);
  process.on('disconnect', () => process.exit(0));
}

if (process.argv[2] === 'worker') {
  work(Number(process.argv[3]));
} else if (process.argv[2] === 'cluster') {
  if (cluster.isWorker) {
    work(cluster.worker.id);
  } else {
    const pids = [];
    for (let n = 0; n < WORKERS; n++) pids.push(cluster.fork().process.pid);
    console.log('workers', ...pids);
  }
} else {
  const pids = [];
  for (let n = 0; n < WORKERS; n++) pids.push(fork(__filename, ['worker', String(n)]).pid);
  console.log('workers', ...pids);
}
