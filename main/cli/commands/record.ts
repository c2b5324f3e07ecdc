/** `heaphouse record`: a program, some seconds, some snapshots, and what grew between the first and the last. */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXPORT_FORMATS } from '#shared/contracts/heap.ts';
import type { SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { ProfileFile } from '#shared/model/allocations.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { HeaphouseError, isCancelled, toWireError } from '#shared/rpc/errors.ts';
import { buildComparisonReport } from '#main/export/comparison-report.ts';
import { GENERATOR } from '#main/export/generator.ts';
import { writeComparison } from '#main/export/write-comparison.ts';
import { toHeaphouseError } from '#main/hosts/analysis/heap-errors.ts';
import { SESSION_FILE } from '#main/storage/session-file.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import { checkGates, comparisonText } from '../comparison-output.ts';
import type { RecordInvocation } from '../invocation.ts';
import { withLiveSession, type LiveSession } from '../live-target.ts';
import { loadComparison } from '../load-heap.ts';

interface Recorded {
  snapshots: SnapshotArtefact[];
  session: SessionInfo;
  /** Of the allocations, when it was asked for and worked. */
  profile: ProfileFile | null;
  /** What could not be done as asked, one line each. */
  problems: string[];
}

export async function runRecord(invocation: RecordInvocation, context: CommandContext): Promise<ExitCode> {
  const dir = resolve(context.io.cwd, invocation.out);
  if (existsSync(join(dir, SESSION_FILE))) {
    throw new HeaphouseError('io', `${dir} already holds a session.`, { advice: 'Choose another folder with --out, or remove that one first.' });
  }
  const recorded = await withLiveSession(invocation, dir, context, (session) => capture(session, invocation, context));
  for (const problem of recorded.problems) context.io.stderr.write(`heaphouse: ${problem}\n`);

  const [first] = recorded.snapshots;
  const last = recorded.snapshots.at(-1);
  let exit: ExitCode = EXIT.fine;
  let files: string[] = recorded.snapshots.map(({ path }) => path);
  if (first && last && first !== last) {
    const compared = await compareEnds(first, last, dir, recorded.session, invocation, context);
    exit = compared.exit;
    files = [...files, ...compared.files];
  }
  if (recorded.profile) files.push(recorded.profile.path);
  await context.out.write(`\nIn ${visibleText(relative(context.io.cwd, dir) || '.', 500)}: ${files.map((path) => relative(dir, path)).join(', ')}\n`);
  return recorded.problems.length > 0 ? EXIT.failed : exit;
}

/** Takes the snapshots at their times, then waits for the end of the duration. */
async function capture(session: LiveSession, invocation: RecordInvocation, context: CommandContext): Promise<Recorded> {
  const startedAt = Date.now();
  const { progress, signal } = context;
  const problems: string[] = [];
  const snapshots: SnapshotArtefact[] = [];
  await passOutput(session, invocation, context);
  const { target } = session.info();
  progress.note(`recording ${visibleText(target?.title ?? 'the target')} (${visibleText(target?.runtime ?? '')}, pid ${target?.pid ?? 'unknown'})`);

  const end: { info: SessionInfo | null } = { info: null };
  void session.over.then((info) => {
    end.info = info;
  });
  /** One line for what failed; thrown on only when we were interrupted. */
  const failed = (what: string, error: unknown) => {
    if (isCancelled(error) && signal.aborted) throw error;
    const { message, advice } = toWireError(error);
    problems.push(`${what}: ${visibleText(message, 1_000)}${advice ? ` ${visibleText(advice, 500)}` : ''}`);
  };
  let sampling = false;
  if (invocation.allocationsBytes !== null) {
    try {
      await session.allocations.start({ kind: 'allocations', intervalBytes: invocation.allocationsBytes }, { signal });
      sampling = true;
    } catch (error) {
      failed('allocations are not sampled', error);
    }
  }
  // A program that was started records already, from its first line on; here it is asked whether it does.
  if (invocation.allocationStacks) {
    try {
      await session.live.recordAllocationStacks({}, { signal });
    } catch (error) {
      failed('allocation stacks are not recorded', error);
    }
  }
  const until = (seconds: number) => waitUntil(startedAt + seconds * 1000, session.over, signal);

  for (const [index, at] of invocation.snapshotAtSeconds.entries()) {
    if (await until(at)) break;
    try {
      const label = `snapshot ${index + 1} of ${invocation.snapshotAtSeconds.length}`;
      const taken = await session.sessions.takeSnapshot(
        { sessionId: session.sessionId },
        { signal, onProgress: (value) => progress.update(label, value) },
      );
      snapshots.push(taken);
      const pause = taken.receipt?.pauseMs ?? null;
      progress.note(
        `${label} at ${formatDuration(taken.takenAt - startedAt)}: ${formatBytes(taken.bytes)}` +
          (pause === null ? '' : `, the target stood still for ${formatDuration(pause)}`),
      );
    } catch (error) {
      failed(`snapshot ${index + 1} failed`, error);
      // The end of the target is often told a moment after the snapshot has failed of it.
      await Promise.race([session.over, sleep(2_000, undefined, { signal })]);
    }
    if (end.info) break;
  }
  await until(invocation.durationSeconds);
  let profile: ProfileFile | null = null;
  if (sampling) {
    try {
      profile = await session.allocations.stop({}, { signal });
    } catch (error) {
      failed('the profile of allocations is lost', error);
    }
  }
  if (end.info) tellEnd(end.info, startedAt, context);
  const wanted = invocation.snapshotAtSeconds.length;
  if (snapshots.length < wanted && end.info) problems.push(`${snapshots.length} of ${wanted} snapshots were taken before the target ended.`);
  return { snapshots, session: session.info(), profile, problems };
}

/** True when the session was over before the time came. */
async function waitUntil(atMs: number, over: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const timer = new AbortController();
  const both = AbortSignal.any([signal, timer.signal]);
  try {
    return await Promise.race([
      over.then(() => true),
      sleep(Math.max(0, atMs - Date.now()), false, { signal: both }).catch((error: unknown) => {
        if (signal.aborted) throw error;
        return false;
      }),
    ]);
  } finally {
    timer.abort();
  }
}

/** The program's own output: everything to our stderr, so that stdout holds the result alone. */
async function passOutput(session: LiveSession, invocation: RecordInvocation, { io, progress }: CommandContext): Promise<void> {
  if (invocation.quiet || !session.info().capabilities.output) return;
  const print = (text: string) => {
    progress.clear();
    io.stderr.write(text);
  };
  const { sessionId, sessions } = session;
  sessions.on('output', { sessionId }, (chunk) => print(chunk.text));
  for (const chunk of await sessions.output({ sessionId })) print(chunk.text);
}

function tellEnd(info: SessionInfo, startedAt: number, { progress, io }: CommandContext): void {
  progress.clear();
  const { exit, error } = info;
  if (exit) {
    io.stderr.write(`the target ended after ${formatDuration(exit.at - startedAt)}: ${visibleText(exit.headline, 300)}\n`);
    io.stderr.write(`  ${visibleText(exit.explanation, 2_000)}\n`);
  } else if (error) {
    io.stderr.write(`the connection to the target ended: ${visibleText(error.message, 1_000)}\n`);
  }
}

async function compareEnds(
  first: SnapshotArtefact,
  last: SnapshotArtefact,
  dir: string,
  session: SessionInfo,
  invocation: RecordInvocation,
  context: CommandContext,
): Promise<{ exit: ExitCode; files: string[] }> {
  const { comparison } = await loadComparison(first.path, last.path, context);
  const report = await buildComparisonReport(comparison, {
    title: `Heap comparison: ${session.title}`,
    base: first,
    compared: last,
    generator: GENERATOR,
    includeValues: true,
    signal: context.signal,
    onProgress: (value) => context.progress.update('holders', value),
  }).catch((error: unknown) => {
    throw toHeaphouseError(error);
  });
  context.progress.clear();
  const files: string[] = [];
  for (const format of EXPORT_FORMATS) {
    files.push((await writeComparison(report, format, join(dir, `comparison.${format}`), context.signal)).path);
  }
  await context.out.write(comparisonText(report, invocation.top, context.io.stdoutColumns));
  return { exit: checkGates(report, invocation.failOn, context), files };
}
