import type { Column } from './columns.ts';
import type { DominatorTree } from './dominators.ts';
import type { KindNumbers } from './heap.ts';
import { helperClosed } from './helper.ts';
import type { Helper } from './helper.ts';
import type { RawHeap } from './raw-heap.ts';
import { abortable } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * An analysis begun by a helper thread as soon as the file is read, while this thread makes the first table: essential
 * edges and the depth-first search, which need neither sizes nor classes.
 */
export interface PreparedAnalysis {
  /** Resolves when the edges are marked. */
  marked(run?: RunOptions): Promise<void>;
  dominators(
    input: { shallow: Column; firstRetainer: Uint32Array; retainer: Uint32Array },
    run?: RunOptions,
  ): Promise<DominatorTree>;
  /** Ends the thread. */
  close(): void;
}

export function prepareAnalysis(helper: Helper, raw: RawHeap, kinds: KindNumbers): PreparedAnalysis {
  const { nodeCount, edgeCount, nodeKind, nodeName, nodeId, firstEdge, edgeKind, edgeName, edgeTo, known } = raw;
  const found = new Map([['(Document DOM trees)', known.indexOf('(Document DOM trees)')]]);
  const { weakMaps } = known;
  const root = raw.header.root;
  const columns = { nodeCount, edgeCount, root, kinds, nodeKind, nodeName, nodeId, firstEdge, edgeKind, edgeName, edgeTo };
  const marked = helper.call('essential', { ...columns, found, weakMaps });
  const searched = helper.call('search', null);
  // Whoever asks for them gets the error; nobody may ask.
  marked.catch(() => undefined);
  searched.catch(() => undefined);
  let closed = false;
  return {
    async marked(run) {
      // Also when the edges were marked before: there is no thread left for what follows.
      if (closed) throw helperClosed();
      await abortable(marked, run?.signal);
    },
    async dominators(input, run) {
      // The search is over before the helper comes to this call, or has failed.
      const tree = helper.call('dominators', input, run);
      tree.catch(() => undefined);
      await abortable(searched, run?.signal);
      return tree;
    },
    close: () => {
      closed = true;
      helper.close();
    },
  };
}
