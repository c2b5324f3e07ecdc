/** Processes of this machine, and ways into them. Every method that reaches a target opens a session. */
import * as v from 'valibot';
import type { LaunchAllocators } from '../model/launch-allocators.ts';
import type { Interpreter, Preflight, ProcessInfo } from '../model/target.ts';
import { defineService, event, method, type Progress } from '../rpc/define-service.ts';
import { empty, path, pid } from './common.ts';

const argument = v.pipe(v.string(), v.maxLength(131_072), v.check((text) => !text.includes('\0'), 'contains a NUL character'));

export const launchSchema = v.object({
  /** Program: a path, or a name looked up in PATH. */
  command: v.pipe(argument, v.minLength(1, 'is empty')),
  args: v.pipe(v.array(argument), v.maxLength(4_096)),
  /** Default: the folder the workbench was started in. */
  cwd: v.optional(path),
  /** Added to (or, with null, taken out of) the workbench's own environment. */
  env: v.optional(v.record(v.pipe(v.string(), v.regex(/^[^=\0]+$/, 'is not a variable name')), v.nullable(argument)), {}),
  /** Wait at the first line until recording has begun. */
  pauseAtStart: v.optional(v.boolean(), true),
  /** Record the stack of every allocation from the start, where the target can (docs/allocations.md). */
  allocationStacks: v.optional(v.boolean()),
  /** PYTHONMALLOC; `env` must not name it as well. */
  pythonMalloc: v.optional(v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/, 'is not a value of PYTHONMALLOC'))),
  /** `jemalloc`, `mimalloc`, `tcmalloc`, or the path of a library: loaded before all others (LD_PRELOAD), what is there is kept. */
  preload: v.optional(v.pipe(argument, v.minLength(1, 'is empty'), v.maxLength(4_096))),
});
export type LaunchRequest = v.InferInput<typeof launchSchema>;

export const connectSchema = v.object({
  /** `ws://host:port/path`, or `http://host:port` whose `/json/list` is asked. */
  url: v.pipe(v.string(), v.maxLength(2_048)),
  /** The user has confirmed that the host is not this machine. */
  confirmRemote: v.optional(v.boolean(), false),
});

export const targetsContract = defineService('targets', {
  methods: {
    list: method<ProcessInfo[]>()(empty),
    /** Those of the machine and the virtual environments of a folder (default: where the workbench was started). */
    interpreters: method<Interpreter[]>()(v.object({ cwd: v.optional(path) })),
    /** Which allocators a command could be started with. Starts nothing but the interpreter's own `--version`. */
    launchAllocators: method<LaunchAllocators>()(v.object({ command: v.pipe(argument, v.minLength(1)), cwd: v.optional(path) })),
    preflight: method<Preflight>()(v.object({ pid })),
    launch: method<{ sessionId: string }, Progress>()(launchSchema),
    attach: method<{ sessionId: string }, Progress>()(v.object({ pid })),
    connect: method<{ sessionId: string }, Progress>()(connectSchema),
  },
  events: {
    /** The list, again whenever it changed, looked at every 2 s while somebody subscribes. */
    processes: event<ProcessInfo[]>()(empty),
  },
});
