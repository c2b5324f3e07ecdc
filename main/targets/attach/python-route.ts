/** What the ways into a running CPython have in common. They are tried in the order of `python.ts`. */
import type { ProcessFacts, SystemFacts } from '../facts.ts';
import type { RuntimeReport } from '../rendezvous.ts';
import type { TargetOptions } from '../types.ts';
import type { Place } from './python-place.ts';

export type PythonRouteId = 'remote-exec' | 'injector' | 'gdb';

export interface PythonRoute {
  id: PythonRouteId;
  /** Why it cannot be used on this process here, in half a sentence; null if it can. Pure. */
  unusable(facts: ProcessFacts, system: SystemFacts): string | null;
  /**
   * Gets the code into the process and waits for the agent. Throws `RouteRefused` when it cannot and has left the process
   * untouched, so that the next way may be tried; any other error is final.
   */
  enter(request: EnterRequest): Promise<Entered>;
}

export interface EnterRequest {
  facts: ProcessFacts;
  system: SystemFacts;
  place: Place;
  /** One statement of Python that starts the agent at most once, ended by a NUL. */
  code: Buffer;
  options: TargetOptions;
}

export interface Entered {
  report: RuntimeReport;
  /** How long the entered thread stood still; null if that could not be measured. */
  pauseMs: number | null;
  /** For the receipt: by which way, and where the thread was. */
  note: string;
}

/** The message is half a sentence: the reason. */
export class RouteRefused extends Error {}
