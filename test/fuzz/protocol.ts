/**
 * Long fuzz of everything that reads protocol messages:
 *
 *   npm run fuzz -- protocol [--cases N] [--seed S] [--only rpc|web|agent|hostile]
 *
 * N malformed messages in all (default 100,000), shared out over the RPC with all contracts, the web host's socket, the
 * agent in a real Python, and our DevTools client facing a hostile target. Each has to go on answering what is right within ten
 * seconds, in bounded memory. Ends with 1 at the first that does not, with the seed and the case to repeat it.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { agentSubject, hostileTargetSubject, rpcSubject, webSubject, type Subject } from '#test/fixtures/protocol/subjects.ts';

/** More than any of them needs for messages of some kilobytes, far less than a leak of one a message would take. */
const MAX_GROWTH_BYTES = 512 * 1024 * 1024;
const CHECK_EVERY = 1_000;

const { values } = parseArgs({ options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' }, only: { type: 'string' } } });
const cases = Number(values.cases);
const seed = Number(values.seed);
if (!Number.isSafeInteger(cases) || !Number.isSafeInteger(seed) || cases < 1) throw new Error('--cases and --seed are whole numbers');

const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0);
const parts: { name: string; share: number; make: () => Subject | Promise<Subject> }[] = [
  { name: 'rpc', share: 0.5, make: rpcSubject },
  { name: 'web', share: 0.2, make: webSubject },
  ...(python ? [{ name: 'agent', share: 0.2, make: () => agentSubject(python) }] : []),
  // Eight messages a case.
  { name: 'hostile', share: 0.1 / 8, make: hostileTargetSubject },
].filter(({ name }) => values.only === undefined || values.only === name);
if (!python) console.log('agent: left out, there is no python3 here');

let failed = false;
for (const { name, share, make } of parts) {
  const count = Math.max(1, Math.round(cases * (values.only ? 1 : share)));
  const subject = await make();
  const started = performance.now();
  let number = 0;
  try {
    await subject.check();
    const before = await subject.rssBytes();
    for (; number < count; number++) {
      await subject.attack(seed, number);
      if (number % CHECK_EVERY === CHECK_EVERY - 1) await subject.check();
    }
    await subject.check();
    const grown = (await subject.rssBytes()) - before;
    if (grown > MAX_GROWTH_BYTES) throw new Error(`memory grew by ${Math.round(grown / 2 ** 20)} MiB`);
    console.log(`${name}: ${name === 'hostile' ? count * 8 : count} messages in ${((performance.now() - started) / 1_000).toFixed(1)} s, memory ${grown >= 0 ? '+' : ''}${Math.round(grown / 2 ** 20)} MiB`);
  } catch (error) {
    failed = true;
    console.log(`${name}: failed at case ${number}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nrepeat: npm run fuzz -- protocol --only ${name} --seed ${seed} --cases ${number + 1}`);
  } finally {
    await subject.dispose();
  }
}
process.exit(failed ? 1 : 0);
