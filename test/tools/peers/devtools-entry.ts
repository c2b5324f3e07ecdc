// Entry for the bundler: the parts of Chrome DevTools that read a heap snapshot, as one module for Node.
// @ts-expect-error the package ships sources without a map of types for this path
export { HeapSnapshotLoader } from 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/HeapSnapshotLoader.js';
// @ts-expect-error as above
export { SecondaryInitManager } from 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/HeapSnapshot.js';
// @ts-expect-error as above
export { NodeFilter } from 'chrome-devtools-frontend/front_end/models/heap_snapshot/HeapSnapshotModel.js';
