/** `--help` of the program and of each command. docs/command-line.md says the same at length. */
import type { CommandName } from './invocation.ts';
import { DEFAULT_DURATION_SECONDS, DEFAULT_PATHS, DEFAULT_QUERY_LIMIT, DEFAULT_RETAINERS_TOP, DEFAULT_TOP } from './parse-argv.ts';

const MAIN = `Heaphouse shows where a program's memory goes and what holds it.

  heaphouse [FILES…] [--attach PID] [--connect ws://…] [-- COMMAND ARGS…]
                                  open the workbench, at snapshots, a process or a new program
  heaphouse serve [--port N]      the same in a browser; prints its address
  heaphouse record … -- COMMAND   run a program, take snapshots, write and print what grew
  heaphouse snapshot PID|ws://…   one snapshot of a running process
  heaphouse summary FILE          what is in a snapshot, by class
  heaphouse retainers FILE        what holds the objects of a class
  heaphouse compare BASE COMPARED what grew between two snapshots, with gates for CI
  heaphouse query FILE SQL        a question in SQL about a snapshot
  heaphouse session list          recorded sessions; also export, import, rename, delete

  --pythonmalloc VALUE  start COMMAND with PYTHONMALLOC=VALUE, checked against its Python
  --preload LIB         start COMMAND with jemalloc, mimalloc, tcmalloc or a library of your own before all others

  -h, --help      this text, or that of a command: heaphouse compare --help
  -V, --version

Results go to standard output, progress to standard error.
Exit status: 0 fine, 1 a gate failed, 2 wrong usage, 3 the target or a file failed, 130 interrupted.
`;

const HELP: Record<CommandName, string> = {
  open: MAIN,
  serve: `heaphouse serve [--port N] [FILES…] [--attach PID] [--connect ws://…] [-- COMMAND ARGS…]

Serves the workbench on this machine only and prints its address with the token it needs.

  --port N        default: any free port
`,
  record: `heaphouse record [--attach PID | --connect ws://… | -- COMMAND ARGS…] [options]

Records a program for some seconds, takes snapshots, and compares the first with the last. Writes snapshot-1.heapsnapshot,
snapshot-2.heapsnapshot, … and comparison.json, .csv and .html into DIR, which the workbench opens as a session.

  --snapshot-at S,S…  seconds after the start; default: at 20 % and 80 % of the duration
  --duration S        default: until the last snapshot, or ${DEFAULT_DURATION_SECONDS} s without --snapshot-at
  --allocations [KIB] sample who allocates, one allocation in each KIB KiB (default 128), into allocations-1.heapprofile;
                      of Python, the comparison then estimates where new objects were allocated
  --allocation-stacks record where every object is allocated; the comparison then says so. Slows the program
  --out DIR           default: heaphouse-recording
  --fail-on GATE      exit with 1 when a class grew by more; repeatable; see compare --help
  --top N             rows of the table, default ${DEFAULT_TOP}
  --pythonmalloc VALUE, --preload LIB
                      the allocators COMMAND starts with: see heaphouse --help
  -q, --quiet         no progress, and nothing of the program's output

The program's output goes to standard error, so that standard output has the result only. A program that was started is
ended at the end (SIGTERM, after 3 s SIGKILL); one that was attached to goes on, with nothing of us left in it.
`,
  snapshot: `heaphouse snapshot PID|ws://… --out FILE

Attaches, writes one snapshot, detaches. The process goes on.

  -o, --out FILE
  -q, --quiet     no progress
`,
  summary: `heaphouse summary FILE [--top N] [--format json|table]

The classes of a snapshot by retained size.

  --top N         default: ${DEFAULT_TOP} in a table, all in JSON
`,
  retainers: `heaphouse retainers FILE --class NAME [--top N] [--paths N] [--format json|table]

What holds the objects of a class: all of them grouped by holder, then the largest ones with their shortest paths from a root.

  --class NAME    the whole name (__main__.Session) or its last part (Session)
  --top N         objects, default ${DEFAULT_RETAINERS_TOP}, largest retained size first
  --paths N       paths an object, default ${DEFAULT_PATHS}
`,
  session: `heaphouse session list [--format json|table]
heaphouse session export SESSION [--out FILE.heaphouse]
heaphouse session import FILE.heaphouse [--out DIR]
heaphouse session rename SESSION TITLE
heaphouse session delete SESSION --yes

Recorded sessions. SESSION is the path of a session's folder, or its name in the sessions folder, as list shows it.

  export          packs it into one file; works while it is being recorded
  import          unpacks such a file into the sessions folder, or into DIR, and prints where
  delete          removes what belongs to the session; other files in its folder stay
  -q, --quiet     no progress
`,
  compare: `heaphouse compare BASE COMPARED [--format json|csv|html|md|table] [--out FILE] [--fail-on GATE] [--no-values]

What is new, dead and survived between two snapshots of one process, by class, and what holds the new objects.

  --format F      default: by the ending of --out, otherwise table
  -o, --out FILE  default: standard output
  --top N         rows of the table, default ${DEFAULT_TOP}
  --no-values     leave out names that are values (text of strings)
  --fail-on GATE  exit with 1 when a class grew by more; repeatable:
                    Request:+1000           more than 1,000 objects more
                    __main__.Session:+0     any more objects
                    Buffer:+5MiB            more than 5 MiB retained more
                    '*:+20MiB'              all objects together, by their own size
                  A name is a whole class name or its last part.
`,
  query: `heaphouse query FILE STATEMENT [--base FILE] [--json | --csv] [--limit N]

Runs one SELECT over the tables nodes, edges, classes, dominators and strings of a snapshot. docs/query.md has their columns.

  heaphouse query app.heapsnapshot 'SELECT class, count(*) AS n FROM nodes GROUP BY class ORDER BY n DESC LIMIT 10'

  --base FILE     an earlier snapshot: its tables are base.nodes, …, and nodes.is_new says what was not in it
  -f, --file FILE the statement is in a file
  --format F      table (default), json or csv; --json and --csv are short for it
  --limit N       rows at most, default ${DEFAULT_QUERY_LIMIT.toLocaleString('en-US')}; what is cut is said on standard error
  -q, --quiet     no progress
`,
};

export function helpText(topic: CommandName | null): string {
  return HELP[topic ?? 'open'];
}

/** What to try after a usage error. */
export function helpHint(topic: CommandName | null): string {
  return `Try: heaphouse ${topic ? `${topic} ` : ''}--help`;
}
