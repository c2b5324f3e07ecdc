/** Answers of the `allocations` contract: sampling in the living target, profiles in the session's folder. */
import type { allocationsContract } from '#shared/contracts/allocations.ts';
import { DEFAULT_SAMPLING_INTERVAL, type ProfileFile, type ProfileKind, type ProfileView, type SamplingState } from '#shared/model/allocations.ts';
import type { TargetKind } from '#shared/model/target.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { asRecord, booleanField, countField, numberField } from '../../cdp/read-field.ts';
import { createEmitter } from '../emitter.ts';
import { PROFILE_FILE } from '../../storage/profile-name.ts';
import { listProfiles, readProfile, saveProfile } from './profile-files.ts';
import { readCpuProfile, readHeapProfile, toTree } from './profile-tree.ts';

/** Microseconds between two looks at the CPU. */
const CPU_INTERVAL_US = 10_000;

export interface AllocationsOptions {
  /** Errors: `target-gone`. */
  target(): { kind: TargetKind; session: CdpSession };
  /** The session's folder; null before it is known. */
  dir(): string | null;
}

interface Running {
  kind: ProfileKind;
  session: CdpSession;
  startedAt: number;
  interval: number;
  mark: { at: number; ordinal: number } | null;
}

/** What a file of ours says beside what DevTools reads. */
interface Header {
  version: 1;
  startedAt: number;
  endedAt: number;
  interval: number;
  mark: { at: number; ordinal: number } | null;
}

export interface AllocationsService {
  methods: ServiceHandlers<typeof allocationsContract>['methods'];
  onChanged(listener: (state: SamplingState) => void): Dispose;
  /** Before the target is left: keeps what is running. Never fails. */
  finish(): Promise<void>;
}

export function createAllocationsService({ target, dir }: AllocationsOptions): AllocationsService {
  const changed = createEmitter<SamplingState>();
  let running: Running | null = null;
  let busy = false;

  async function state(): Promise<SamplingState> {
    const folder = dir();
    const now = running && isThere(running) ? running : null;
    return {
      running: now && { kind: now.kind, startedAt: now.startedAt, interval: now.interval, markedAt: now.mark?.at ?? null },
      files: folder === null ? [] : await listProfiles(folder),
    };
  }

  /** A sampling ends with its connection. */
  function isThere(one: Running): boolean {
    try {
      return target().session === one.session;
    } catch {
      return false;
    }
  }

  function current(kind?: ProfileKind): Running {
    target();
    if (!running || !isThere(running) || (kind && running.kind !== kind)) throw new HeaphouseError('not-found', kind === 'allocations' ? 'No sampling of allocations is running.' : 'Nothing is being sampled.');
    return running;
  }

  async function tell(): Promise<SamplingState> {
    const now = await state();
    changed.emit(now);
    return now;
  }

  async function exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (busy) throw new HeaphouseError('busy', 'Sampling is just being started or stopped.');
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  }

  const start = (kind: ProfileKind, intervalBytes: number) =>
    exclusive(async () => {
      const { session } = target();
      if (running && isThere(running)) throw new HeaphouseError('busy', 'This target is being sampled already.', { advice: 'Stop that first; its profile is kept.' });
      if (kind === 'cpu') {
        await session.send('Profiler.enable');
        await session.send('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US });
        await session.send('Profiler.start');
      } else {
        await session.send('HeapProfiler.enable');
        await session.send('HeapProfiler.startSampling', { samplingInterval: intervalBytes });
      }
      running = { kind, session, startedAt: Date.now(), interval: kind === 'cpu' ? CPU_INTERVAL_US : intervalBytes, mark: null };
      return tell();
    });

  const stop = () =>
    exclusive(async (): Promise<ProfileFile> => {
      const one = current();
      const answer: unknown = one.kind === 'cpu' ? await one.session.send('Profiler.stop') : await one.session.send('HeapProfiler.stopSampling');
      if (one.kind === 'cpu') await one.session.send('Profiler.disable').catch(() => undefined);
      running = null;
      const folder = dir();
      if (folder === null) throw new HeaphouseError('io', 'The session has no folder to keep the profile in.');
      const header: Header = { version: 1, startedAt: one.startedAt, endedAt: Date.now(), interval: one.interval, mark: one.mark };
      const file = await saveProfile(folder, one.kind, { ...asRecord(asRecord(answer)['profile']), heaphouse: header }).finally(() => void tell());
      return file;
    });

  async function live(sinceMark: boolean): Promise<ProfileView> {
    const one = current('allocations');
    const answer: unknown = await one.session.send('HeapProfiler.getSamplingProfile');
    return viewOf(asRecord(answer)['profile'], 'allocations', { version: 1, startedAt: one.startedAt, endedAt: Date.now(), interval: one.interval, mark: one.mark }, sinceMark);
  }

  return {
    methods: {
      state,
      start: ({ kind, intervalBytes }) => start(kind, intervalBytes ?? DEFAULT_SAMPLING_INTERVAL),
      stop,
      async mark() {
        const one = current('allocations');
        const answer: unknown = await one.session.send('HeapProfiler.getSamplingProfile');
        const profile = asRecord(answer)['profile'];
        // Python tells the number of its last sample, also of one that has been freed.
        const ordinal = Math.max(countField(asRecord(profile)['python'], 'lastOrdinal') ?? 0, readHeapProfile(profile, null).lastOrdinal);
        one.mark = { at: Date.now(), ordinal };
        return tell();
      },
      live: ({ sinceMark }) => live(sinceMark ?? false),
      async open({ name, sinceMark }) {
        const folder = dir();
        if (folder === null) throw new HeaphouseError('not-found', 'This session has no folder.');
        const profile = await readProfile(folder, name);
        return viewOf(profile, PROFILE_FILE.exec(name)?.[3] ? 'cpu' : 'allocations', headerOf(profile), sinceMark ?? false);
      },
    },
    onChanged(listener) {
      void state().then(listener);
      return changed.on(listener);
    },
    async finish() {
      if (running && isThere(running)) await stop().catch(() => undefined);
    },
  };
}

/** What a profile of another tool does not say is taken as not known. */
function headerOf(profile: unknown): Header {
  const header = asRecord(profile)['heaphouse'];
  const mark = asRecord(header)['mark'];
  const at = numberField(mark, 'at');
  return {
    version: 1,
    startedAt: numberField(header, 'startedAt') ?? 0,
    endedAt: numberField(header, 'endedAt') ?? 0,
    interval: countField(header, 'interval') ?? 0,
    mark: at === null ? null : { at, ordinal: countField(mark, 'ordinal') ?? 0 },
  };
}

function viewOf(profile: unknown, kind: ProfileKind, header: Header, sinceMark: boolean): ProfileView {
  const since = sinceMark && header.mark ? header.mark.ordinal : null;
  const read = kind === 'cpu' ? readCpuProfile(profile) : readHeapProfile(profile, since);
  const python = asRecord(profile)['python'];
  const dropped = countField(python, 'dropped') ?? 0;
  const notes: string[] = [];
  if (booleanField(python, 'interrupted')) notes.push('Another tool in the program has replaced the allocators: what was allocated and freed since then is missing.');
  if (dropped > 0) notes.push(`${dropped} samples found no room and are missing.`);
  return {
    kind,
    ...toTree(read.nodes),
    startedAt: header.startedAt,
    endedAt: header.endedAt,
    interval: header.interval,
    samples: read.samples,
    allocatedBytes: since === null ? countField(python, 'allocatedBytes') : null,
    sinceMark: since !== null,
    markedAt: header.mark?.at ?? null,
    notes,
  };
}
