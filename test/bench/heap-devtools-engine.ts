import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';

/** What the benches ask of Chrome DevTools' heap engine. */
export interface DevToolsSnapshot {
  readonly nodeCount: number;
  readonly nodes: { getValue(index: number): number };
  readonly nodeFieldCount: number;
  readonly nodeIdOffset: number;
  readonly nodeSelfSizeOffset: number;
  readonly retainedSizes: Float64Array;
  readonly nodeDistances: Int32Array;
  aggregatesWithFilter(filter: object): Record<string, { name: string; count: number; self: number; maxRet: number; distance: number }>;
  interfaceDefinitions(): string;
  aggregatesForDiff(interfaceDefinitions: string): object;
  calculateSnapshotDiff(baseId: string, baseAggregates: object): object;
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

/** Reads a file in slices of 10 MB as the front end does, with the second thread that the front end uses. */
export async function openInDevTools(folder: string, file: string): Promise<{ snapshot: DevToolsSnapshot; worker: Worker }> {
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
  return { snapshot: await loader.buildSnapshot(channel.port1), worker };
}
