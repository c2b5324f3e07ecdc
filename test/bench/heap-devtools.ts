/**
 * Chrome DevTools' heap engine as a command of its own: `node heap-devtools.ts BUNDLE_FOLDER FILE [DUMP]`. Reads the file
 * in slices of 10 MB as the front end does, with the second thread the front end uses, computes the table of classes,
 * and prints one line of JSON. With DUMP it also writes what heap-peers.ts compares (see heap-dump.ts).
 * The engine is not part of the project: heap-peers.ts installs and bundles it into a cache folder.
 */
import { openInDevTools } from './heap-devtools-engine.ts';
import { writeDump } from './heap-dump.ts';
import type { DumpedClass } from './heap-dump.ts';

const [folder, file, dump] = process.argv.slice(2);
if (folder === undefined || file === undefined) throw new Error('usage: heap-devtools.ts BUNDLE_FOLDER FILE [DUMP]');

const started = performance.now();
const { snapshot, worker } = await openInDevTools(folder, file);
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
