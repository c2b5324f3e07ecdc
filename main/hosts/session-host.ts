/**
 * Process entry: one target under watch (`capture` for the workbench, `timeline` and `memory` for its views). When the parent goes
 * away it leaves the target clean and ends; a fault of ours ends it with a code, and the parent shows that.
 */
import { captureContract } from './capture-contract.ts';
import { channelFromParentProcess } from './child-channel.ts';
import { electronParentChannel } from './electron-parent-channel.ts';
import { allocationsContract } from '#shared/contracts/allocations.ts';
import { memoryContract } from '#shared/contracts/memory.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { referencesContract } from '#shared/contracts/references.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { createCaptureSession, type CaptureSession } from '../capture/capture-session.ts';

const APPENDED_EVERY_MS = 250;
/** The parent, or whoever sends SIGTERM, waits no longer. */
const EXIT_LIMIT_MS = 2_000;

function serveSession(session: CaptureSession): ReturnType<typeof createRpcServer> {
  const server = createRpcServer();
  server.provide(captureContract, {
    methods: {
      start: (params, context) => session.start(params, context),
      replay({ dir }) {
        session.replay(dir);
        return null;
      },
      takeSnapshot: ({ path, label, threadId }, context) => session.takeSnapshot({ path, label, threadId }, context),
      threads: () => session.threads(),
      collectGarbage: () => session.collectGarbage(),
      mark(mark) {
        session.mark(mark);
        return null;
      },
      detach: () => session.detach(),
      lastSample: () => session.lastSample(),
    },
    events: {
      state: (_params, emit) => session.onState(emit),
      gc: (_params, emit) => session.onGc(emit),
      problem: (_params, emit) => session.onProblem(emit),
    },
  });
  server.provide(timelineContract, {
    methods: { window: (query) => session.timeline(query) },
    events: { appended: (_params, emit) => emitSparingly(session, () => emit(session.counts())) },
  });
  server.provide(liveContract, { methods: session.liveObjects, events: {} });
  server.provide(referencesContract, { methods: session.references, events: {} });
  server.provide(allocationsContract, { methods: session.allocations.methods, events: { changed: (_params, emit) => session.allocations.onChanged(emit) } });
  server.provide(memoryContract, {
    methods: session.memory,
    events: {
      recorded: (_params, emit) =>
        emitSparingly(session, () => {
          const { collections, lastCollectionAt, segmentReadings } = session.counts();
          emit({ collections, lastCollectionAt, segmentReadings });
        }),
    },
  });
  return server;
}

/** Tells of what was recorded a few times a second at most. */
function emitSparingly(session: CaptureSession, emit: () => void): Dispose {
  let timer: NodeJS.Timeout | null = null;
  const dispose = session.onAppended(() => {
    timer ??= setTimeout(() => {
      timer = null;
      emit();
    }, APPENDED_EVERY_MS);
  });
  return () => {
    dispose();
    if (timer) clearTimeout(timer);
  };
}

async function main(): Promise<void> {
  const session = createCaptureSession();
  let ending = false;

  function end(code: number): void {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(code), EXIT_LIMIT_MS).unref();
    session.close().then(
      () => process.exit(code),
      () => process.exit(code),
    );
  }

  function crash(error: unknown): void {
    console.error(error);
    // The target must not keep our hooks because of a fault of ours.
    end(70);
  }

  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  const channel = await (electronParentChannel() ?? channelFromParentProcess());
  channel.onClose(() => end(0));
  serveSession(session).serve(channel);
}

await main();
