// Plays Electron's utility process in a worker thread: gives the host `process.parentPort`, then runs its entry.
import { EventEmitter } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

class PortMain extends EventEmitter {
  constructor(port) {
    super();
    this.port = port;
    port.on('close', () => this.emit('close'));
  }
  postMessage(message) {
    this.port.postMessage(message);
  }
  start() {
    this.port.on('message', (data) => this.emit('message', { data, ports: [] }));
  }
  close() {
    this.port.close();
  }
}

const fake = new EventEmitter();
process.parentPort = fake;
parentPort.on('message', ({ message, port }) => {
  fake.emit('message', { data: message, ports: [new PortMain(port)] });
  parentPort.unref();
});
await import(workerData.entry);
