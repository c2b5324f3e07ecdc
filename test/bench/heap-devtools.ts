/**
 * Chrome DevTools' heap engine as a command of its own: `node heap-devtools.ts BUNDLE_FOLDER FILE [DUMP]`. Reads the file
 * in slices of 10 MB as the front end does, with the second thread the front end uses, computes the table of classes,
 * and prints one line of JSON. With DUMP it also writes what heap-peers.ts compares (see heap-dump.ts).
 * The engine is not part of the project: heap-peers.ts installs and bundles it into a cache folder.
 */
import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';

import { writeDump } from './heap-dump.ts';
import type { DumpedClass } from './heap-dump.ts';

interface DevToolsSnapshot {
  readonly nodeCount: number;
  readonly nodes: { getValue(index: number): number };
  readonly nodeFieldCount: number;
  readonly nodeIdOffset: number;
  readonly nodeSelfSizeOffset: number;
  readonly retainedSizes: Float64Array;
  readonly nodeDistances: Int32Array;
  aggregatesWithFilter(filter: object): Record<string, { name: string; count: number; self: number; maxRet: number; distance: number }>;
}

interface DevToolsEngine {
  readonly HeapSnapshotLoader: {
    readonly HeapSnapshotLoader: new (dispatcher: object) => {
      write(chunk: string): void;
      close(): void;
      buildSnapshot(port: unknown): Promise<DevToolsSnapshot>;
    };
  };
}

const [folder, file, dump] = process.argv.slice(2);
if (folder === undefined || file === undefined) throw new Error('usage: heap-devtools.ts BUNDLE_FOLDER FILE [DUMP]');

const started = performance.now();
const engine = (await import(pathToFileURL(join(folder, 'engine.mjs')).href)) as DevToolsEngine;
const channel = new MessageChannel();
const worker = new Worker(pathToFileURL(join(folder, 'second-thread.mjs')), {
  workerData: { port: channel.port2 },
  transferList: [channel.port2],
});
const loader = new engine.HeapSnapshotLoader.HeapSnapshotLoader({ sendEvent: () => undefined });
const decoder = new TextDecoder();
for await (const chunk of createReadStream(file, { highWaterMark: 10_000_000 })) {
  loader.write(decoder.decode(chunk as Uint8Array, { stream: true }));
}
loader.close();
const snapshot = await loader.buildSnapshot(channel.port1);
const aggregates = snapshot.aggregatesWithFilter({});
const ms = performance.now() - started;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const maxRssBytes = maxRSS * 1024;
const cpuMs = (userCPUTime + systemCPUTime) / 1000;

if (dump !== undefined) {
  const count = snapshot.nodeCount;
  const at = (node: number, offset: number): number => snapshot.nodes.getValue(node * snapshot.nodeFieldCount + offset);
  const classes: DumpedClass[] = Object.values(aggregates).map((entry) => ({
    name: entry.name,
    objects: entry.count,
    shallowBytes: entry.self,
    retainedBytes: entry.maxRet,
    distance: entry.distance,
  }));
  await writeDump(dump, {
    classes,
    id: Float64Array.from({ length: count }, (_, node) => at(node, snapshot.nodeIdOffset)),
    shallow: Float64Array.from({ length: count }, (_, node) => at(node, snapshot.nodeSelfSizeOffset)),
    retained: snapshot.retainedSizes,
    distance: Float64Array.from(snapshot.nodeDistances, (value) => (value < 0 ? -1 : value)),
  });
}
console.log(JSON.stringify({ ms, cpuMs, maxRssBytes, nodes: snapshot.nodeCount }));
await worker.terminate();
process.exit(0);
