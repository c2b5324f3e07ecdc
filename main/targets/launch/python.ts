/** Environment in which any CPython, started directly or by something else, carries the agent. */
import { delimiter, join } from 'node:path';

/** The agent's bootstrap goes first on the path; it takes itself off again and runs the program's own `sitecustomize`. */
export function pythonEnvironment(env: NodeJS.ProcessEnv, agentDir: string, rendezvous: string, pauseAtStart: boolean): NodeJS.ProcessEnv {
  const existing = env['PYTHONPATH'];
  const bootstrap = join(agentDir, 'bootstrap');
  return {
    ...env,
    PYTHONPATH: existing === undefined || existing === '' ? bootstrap : `${bootstrap}${delimiter}${existing}`,
    HEAPHOUSE_AGENT: rendezvous,
    ...(pauseAtStart ? { HEAPHOUSE_WAIT: '1' } : {}),
  };
}

/** Options of `python` with which it does not look at PYTHONPATH or run `sitecustomize`. */
export function optionThatHidesAgent(options: readonly string[]): string | null {
  for (const option of options) {
    if (!/^-[A-Za-z]+$/.test(option)) continue;
    for (const letter of option.slice(1)) {
      if ('SIE'.includes(letter)) return `-${letter}`;
      // The rest of the word is the value of these.
      if ('cmWX'.includes(letter)) break;
    }
  }
  return null;
}
