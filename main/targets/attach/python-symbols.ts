/** Where in a process the functions are that gdb calls. */
import { basename } from 'node:path';
import { readHead } from '../proc/read.ts';
import { locate, parseFileMappings } from '../proc/elf-symbols.ts';

export const PYTHON_FUNCTIONS = ['Py_IsInitialized', 'Py_AddPendingCall', 'PyRun_SimpleString', 'PyGILState_Ensure', 'PyGILState_Release', 'PyErr_Fetch', 'PyErr_Restore'] as const;
export const LIBC_FUNCTIONS = ['mmap', 'munmap'] as const;
export type CalledFunction = (typeof PYTHON_FUNCTIONS)[number] | (typeof LIBC_FUNCTIONS)[number];

/** Address of every function, or null: then gdb has to look for the names itself, which takes longer. */
export async function locateFunctions(pid: number): Promise<ReadonlyMap<CalledFunction, bigint> | null> {
  const maps = await readHead(`/proc/${pid}/maps`, 8_388_608);
  if (maps === null) return null;
  // The names are those of the target, which may have files of its own.
  const inTarget = (path: string) => `/proc/${pid}/root${path}`;
  const mappings = parseFileMappings(maps);
  const paths = [...new Set(mappings.map((mapping) => mapping.path))];
  const libc = paths.find((path) => /^(libc\.so\.6|libc-2\.\d+\.so|ld-musl-\w+\.so\.1|libc\.musl-\w+\.so\.1)$/.test(basename(path)));
  const libpython = paths.find((path) => /^libpython3(\.\d+)?[a-z]*\.so/.test(basename(path)) && !/^libpython3\.so/.test(basename(path)));
  const program = paths[0];
  if (libc === undefined || program === undefined) return null;
  const python =
    libpython === undefined
      ? await locate(mappings, program, `/proc/${pid}/exe`, new Set(PYTHON_FUNCTIONS))
      : await locate(mappings, libpython, inTarget(libpython), new Set(PYTHON_FUNCTIONS));
  const system = await locate(mappings, libc, inTarget(libc), new Set(LIBC_FUNCTIONS));
  if (!python || !system) return null;
  const all = new Map([...python, ...system]) as Map<CalledFunction, bigint>;
  return [...PYTHON_FUNCTIONS, ...LIBC_FUNCTIONS].every((name) => all.has(name)) ? all : null;
}
