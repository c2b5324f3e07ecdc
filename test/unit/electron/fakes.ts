/** Stand-ins for Electron's objects: they keep what they are given and let a test play the other side. */
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

type AnyFunction = (...args: never[]) => unknown;

export function fakeSession() {
  const fake = {
    requestHandler: null as null | ((contents: unknown, permission: string, decide: (granted: boolean) => void, details: object) => void),
    checkHandler: null as null | ((contents: unknown, permission: string, origin: string) => boolean),
    deviceHandler: null as null | ((details: object) => boolean),
    beforeRequest: null as null | ((details: { url: string }, decide: (answer: { cancel?: boolean }) => void) => void),
    asSession: null as unknown as never,
  };
  fake.asSession = {
    setPermissionRequestHandler: (handler: AnyFunction) => (fake.requestHandler = handler as never),
    setPermissionCheckHandler: (handler: AnyFunction) => (fake.checkHandler = handler as never),
    setDevicePermissionHandler: (handler: AnyFunction) => (fake.deviceHandler = handler as never),
    webRequest: { onBeforeRequest: (handler: AnyFunction) => (fake.beforeRequest = handler as never) },
  } as never;
  return fake;
}

export function fakeContents() {
  const emitter = new EventEmitter();
  const fake = {
    openHandler: null as null | ((details: { url: string }) => unknown),
    emit(name: string, properties: object) {
      const event = { prevented: false, preventDefault: () => void (event.prevented = true), ...properties };
      emitter.emit(name, event);
      return event;
    },
    asContents: null as unknown as never,
  };
  fake.asContents = {
    on: (name: string, listener: AnyFunction) => emitter.on(name, listener as never),
    setWindowOpenHandler: (handler: AnyFunction) => (fake.openHandler = handler as never),
  } as never;
  return fake;
}

/** A Node port in the clothes of Electron's MessagePortMain: messages come as `{ data }`, nothing before `start()`. */
export class FakePortMain extends EventEmitter {
  readonly port: MessagePort;
  started = false;
  closed = false;

  constructor(port: MessagePort) {
    super();
    this.port = port;
    port.on('close', () => this.emit('close'));
  }

  postMessage(message: unknown): void {
    this.port.postMessage(message);
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    this.port.on('message', (data) => this.emit('message', { data, ports: [] }));
  }

  close(): void {
    this.closed = true;
    this.port.close();
  }
}

export function fakeChannelMain(): { port1: FakePortMain; port2: FakePortMain } {
  const { port1, port2 } = new MessageChannel();
  return { port1: new FakePortMain(port1), port2: new FakePortMain(port2) };
}
