/** The CLI host: runs what does not need a window. `open` and `serve` belong to the other hosts. */
import { APP_VERSION } from '#main/export/generator.ts';
import { HeaphouseError, isCancelled, toWireError } from '#shared/rpc/errors.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { createResultWriter, type CliIo } from './cli-io.ts';
import { EXIT, type CommandContext, type ExitCode } from './command-context.ts';
import { helpHint, helpText } from './help.ts';
import type { Invocation } from './invocation.ts';
import { parseArgv } from './parse-argv.ts';
import { createProgress } from './progress.ts';

/** `argv` without the program and its script. Resolves when everything is written and every process we started is gone. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const parsed = parseArgv(argv);
  const out = createResultWriter(io.stdout);
  io.stderr.on('error', () => undefined);
  if (!parsed.ok) {
    io.stderr.write(`heaphouse: ${visibleText(parsed.message, 1_000)}\n${helpHint(parsed.topic)}\n`);
    return EXIT.usage;
  }
  const { invocation } = parsed;
  const controller = new AbortController();
  const quiet = 'quiet' in invocation && invocation.quiet;
  const progress = createProgress(io.stderr, { terminal: io.stderrIsTerminal, quiet });
  const stopListening = io.onInterrupt(() => controller.abort());
  try {
    return await runInvocation(invocation, { io, out, progress, signal: controller.signal });
  } catch (error) {
    progress.clear();
    if (controller.signal.aborted && isCancelled(error)) {
      io.stderr.write('heaphouse: interrupted\n');
      return EXIT.interrupted;
    }
    writeError(io, error);
    return EXIT.failed;
  } finally {
    stopListening();
  }
}

async function runInvocation(invocation: Invocation, context: CommandContext): Promise<ExitCode> {
  switch (invocation.command) {
    case 'help':
      await context.out.write(helpText(invocation.topic));
      return EXIT.fine;
    case 'version':
      await context.out.write(`${APP_VERSION}\n`);
      return EXIT.fine;
    // Each command is loaded when it is wanted: `--help` has no need of the engine.
    case 'session':
      return (await import('./commands/session.ts')).runSession(invocation, context);
    case 'summary':
      return (await import('./commands/summary.ts')).runSummary(invocation, context);
    case 'retainers':
      return (await import('./commands/retainers.ts')).runRetainers(invocation, context);
    case 'query':
      return (await import('./commands/query.ts')).runQuery(invocation, context);
    case 'compare':
      return (await import('./commands/compare.ts')).runCompare(invocation, context);
    case 'snapshot':
      return (await import('./commands/snapshot.ts')).runSnapshot(invocation, context);
    case 'record':
      return (await import('./commands/record.ts')).runRecord(invocation, context);
    case 'serve':
      await (await import('#main/web/serve.ts')).serveWeb(invocation, { startHost: context.io.startHost, agentDir: context.io.agentDir });
      return EXIT.fine;
    case 'open':
      throw new HeaphouseError('internal', `"${invocation.command}" is not for the command line host.`);
  }
}

/** `heaphouse: what is wrong`, then what to do about it. */
export function writeError(io: CliIo, error: unknown): void {
  const { code, message, advice, detail } = toWireError(error);
  io.stderr.write(`heaphouse: ${visibleText(message, 2_000)}\n`);
  if (advice) io.stderr.write(`  ${visibleText(advice, 1_000)}\n`);
  // A fault of ours is reported with its place; other details are for the window, where they can be folded away.
  // So is the place in a statement that was not understood.
  if ((code === 'internal' || detail?.startsWith('LINE ')) && detail) io.stderr.write(`${detail.split('\n').map((line) => `  ${visibleText(line, 500)}`).join('\n')}\n`);
}
