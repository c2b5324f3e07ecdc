/**
 * Chrome DevTools' comparison of two snapshots that are open: `node heap-devtools-compare.ts BUNDLE_FOLDER BASE COMPARED`.
 * Its engine does it in two steps, one in each snapshot; what the front end spends on passing the first one's result on is
 * not counted. Prints one line of JSON. heap-peers.ts installs and bundles the engine.
 */
import { openInDevTools } from './heap-devtools-engine.ts';

const [folder, baseFile, comparedFile] = process.argv.slice(2);
if (folder === undefined || baseFile === undefined || comparedFile === undefined) throw new Error('usage: heap-devtools-compare.ts BUNDLE_FOLDER BASE COMPARED');

const base = await openInDevTools(folder, baseFile);
const compared = await openInDevTools(folder, comparedFile);
// The view of the compared snapshot is open: its classes are there.
compared.snapshot.aggregatesWithFilter({});
const definitions = compared.snapshot.interfaceDefinitions();
const started = performance.now();
const aggregates = base.snapshot.aggregatesForDiff(definitions);
const diff = compared.snapshot.calculateSnapshotDiff('base', aggregates);
const ms = performance.now() - started;
console.log(JSON.stringify({ ms, classes: Object.keys(diff).length, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
process.exit(0);
