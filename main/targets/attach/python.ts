/** Starts the agent in a running CPython, by the gentlest way that works. */
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { ProcessFacts, SystemFacts } from '../facts.ts';
import type { RuntimeReport } from '../rendezvous.ts';
import type { TargetOptions } from '../types.ts';
import { injectedCode } from './injected-code.ts';
import { gdbRoute } from './python-gdb.ts';
import { injectorRoute } from './python-inject.ts';
import { preparePlace } from './python-place.ts';
import { RouteRefused } from './python-route.ts';
import type { PythonRoute } from './python-route.ts';
import { remoteExecRoute } from './remote-exec.ts';

/** The gentlest first. */
export const PYTHON_ROUTES: readonly PythonRoute[] = [remoteExecRoute, injectorRoute, gdbRoute];

export interface PythonEntry {
  report: RuntimeReport;
  pauseMs: number | null;
  notes: string[];
  cleanUp(): Promise<void>;
}

/** The ways that are open for this process, best first, and why the others are not. Pure. */
export function usableRoutes(facts: ProcessFacts, system: SystemFacts): { routes: PythonRoute[]; reasons: string[] } {
  const routes: PythonRoute[] = [];
  const reasons: string[] = [];
  for (const route of PYTHON_ROUTES) {
    const why = route.unusable(facts, system);
    if (why === null) routes.push(route);
    else reasons.push(why);
  }
  return { routes, reasons };
}

/**
 * Throws `missing-part` (no way into it on this machine), `permission` (ptrace refused), `unsupported`, `busy`, `timeout`,
 * `target-gone`, `cancelled`.
 */
export async function enterPython(facts: ProcessFacts, system: SystemFacts, options: TargetOptions): Promise<PythonEntry> {
  const { routes, reasons } = usableRoutes(facts, system);
  const chosen = routes.filter(({ id }) => options.pythonRoutes === undefined || options.pythonRoutes.includes(id));
  if (chosen.length === 0) {
    throw new HeaphouseError('missing-part', `There is no way into process ${facts.pid}: ${reasons.join('; ')}.`, { advice: 'Install gdb, or launch the program from Heaphouse.' });
  }
  const place = await preparePlace(facts, system, options);
  try {
    const code = injectedCode(place.injectFile, place.rendezvousInTarget);
    const refused: string[] = [];
    for (const route of chosen) {
      try {
        const { report, pauseMs, note } = await route.enter({ facts, system, place, code, options });
        return { report, pauseMs, notes: [note, ...place.notes, ...refused], cleanUp: () => place.cleanUp() };
      } catch (error) {
        if (!(error instanceof RouteRefused)) throw error;
        refused.push(`${route.id} was not possible: ${error.message}`);
      }
    }
    throw new HeaphouseError('unsupported', `There is no way into process ${facts.pid}.`, { advice: 'Launch the program from Heaphouse: that needs no way in.', detail: [...refused, ...reasons].join('\n') });
  } catch (error) {
    await place.cleanUp();
    throw error;
  }
}
