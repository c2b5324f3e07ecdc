/** Answers of the `references` contract: asked of the agent in the target, and read as hostile input. */
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import type { referencesContract } from '#shared/contracts/references.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { TargetKind } from '#shared/model/target.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { readFunctions, readGarbage, readModules, readReport, readTrace } from './read-references.ts';

export interface ReferencesServiceOptions {
  /** Errors: `target-gone`. */
  target(): { kind: TargetKind; session: CdpSession };
  /** Marks collections between the call and its end as ours; the target is busy meanwhile. */
  whileCollecting<T>(work: () => Promise<T>): Promise<T>;
}

export type ReferencesMethods = ServiceHandlers<typeof referencesContract>['methods'];

const DEFAULT_WAIT_MS = 30_000;
const DEFAULT_RUN_MS = 10_000;

export function createReferencesService({ target, whileCollecting }: ReferencesServiceOptions): ReferencesMethods {
  async function ask(send: (session: CdpSession) => Promise<unknown>): Promise<unknown> {
    const { kind, session } = target();
    if (kind !== 'python') throw new HeaphouseError('unsupported', 'Reference counts are CPython’s; this target has none.');
    try {
      return await send(session);
    } catch (error) {
      throw asAnswer(error);
    }
  }

  return {
    async referrers(params) {
      const asked = 'expression' in params ? { expression: params.expression, ...(params.module === undefined ? {} : { module: params.module }) } : { heapObjectId: String(params.heapObjectId) };
      return readReport(await ask((session) => session.send('Python.getReferrers', asked)));
    },
    modules: async ({ standardLibrary = false }) => ({ modules: readModules(await ask((session) => session.send('Python.getModules', { standardLibrary }))) }),
    functions: async ({ module }) => ({ functions: readFunctions(await ask((session) => session.send('Python.getFunctions', { module }))) }),
    async traceCall({ timeoutMs = DEFAULT_WAIT_MS, maxSteps = 500, ...params }, { signal }) {
      // The agent waits for the call; whoever gives up must not leave the function armed.
      const stop = () => void ask((session) => session.send('Python.cancelTrace')).catch(() => undefined);
      signal.addEventListener('abort', stop, { once: true });
      try {
        return readTrace(await ask((session) => session.send('Python.traceReferences', { ...params, timeoutMs, maxSteps })));
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    async traceText({ source, path, within, variable, freshConstants = true, timeoutMs = DEFAULT_RUN_MS, maxSteps = 500 }) {
      if ((source === undefined) === (path === undefined)) throw new HeaphouseError('invalid-argument', 'Either a text or a file is traced.');
      const what = source === undefined ? { path } : { source };
      return readTrace(await ask((session) => session.send('Python.traceReferences', { ...what, ...(within === undefined ? {} : { function: within }), variable, freshConstants, timeoutMs, maxSteps })));
    },
    async cancelTrace() {
      await ask((session) => session.send('Python.cancelTrace'));
      return null;
    },
    exploreGarbage: ({ generation = 2 }) =>
      whileCollecting(async () => {
        const at = Date.now();
        return { at, ...readGarbage(await ask((session) => session.send('Python.exploreGarbage', { generation }))) };
      }),
  };
}

/** What the agent refuses is the user's to know, without the words of the protocol. */
function asAnswer(error: unknown): unknown {
  if (!(error instanceof HeaphouseError) || error.code === 'target-gone' || error.code === 'cancelled') return error;
  const said = (error.detail ?? error.message).replace(/^.*?\b(?:LookupError|ValueError|OSError|FileNotFoundError): /s, '');
  return new HeaphouseError('invalid-argument', said.slice(0, 1_000), { ...(error.detail ? { detail: error.detail } : {}), cause: error });
}
