/** Entry of the web host: `heaphouse serve`, and `heaphouse` where there is no desktop window. */
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import { parseArgv } from '#main/cli/parse-argv.ts';
import { serveWeb } from './serve.ts';

async function main(argv: string[]): Promise<number> {
  const parsed = parseArgv(argv);
  if (!parsed.ok) {
    process.stderr.write(`heaphouse: ${parsed.message}\n`);
    return 2;
  }
  const { invocation } = parsed;
  if (invocation.command !== 'open' && invocation.command !== 'serve') {
    throw new HeaphouseError('internal', `The web host does not do "${invocation.command}".`);
  }
  await serveWeb(invocation);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const { message, advice } = toWireError(error);
    process.stderr.write(`heaphouse: ${message}${advice ? ` ${advice}` : ''}\n`);
    process.exit(3);
  },
);
