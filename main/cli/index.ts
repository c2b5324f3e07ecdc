/** Entry of the command line host. */
import process from 'node:process';
import { processIo } from './cli-io.ts';
import { runCli } from './main.ts';

const io = processIo();
let interrupts = 0;
// The first Ctrl-C ends things in order; whoever presses it again wants it now.
io.onInterrupt(() => {
  interrupts++;
  if (interrupts > 1) process.exit(130);
});
process.exitCode = await runCli(process.argv.slice(2), io);
