/** Which allocators are at work in a process, with the evidence for each. Pure. */
import type { AllocatorInfo, AllocatorKind } from '#shared/model/memory.ts';

export interface AllocatorFacts {
  targetKind: string;
  /** Files mapped with code. */
  libraries: readonly string[];
  /** LD_PRELOAD and the like; of the program's own environment. */
  environment: Readonly<Record<string, string>>;
  /** `glibc 2.36`, of the agent. */
  cLibrary: string | null;
  python: {
    /** The interpreter's own text is that of pymalloc / of mimalloc. */
    hasPools: boolean;
    hasMimalloc: boolean;
    devMode: boolean;
    gilEnabled: boolean;
  } | null;
  /** By their own functions. */
  answering: readonly AllocatorKind[];
}

const REPLACEMENTS: readonly { kind: AllocatorKind; pattern: RegExp; name: string }[] = [
  { kind: 'jemalloc', pattern: /\/libjemalloc[^/]*\.so/, name: 'jemalloc' },
  { kind: 'mimalloc', pattern: /\/libmimalloc[^/]*\.so/, name: 'mimalloc' },
  { kind: 'tcmalloc', pattern: /\/libtcmalloc[^/]*\.so/, name: 'tcmalloc' },
];

export function recogniseAllocators(facts: AllocatorFacts): AllocatorInfo[] {
  const found: AllocatorInfo[] = [];
  const { python } = facts;
  if (python) found.push(pythonAllocator(facts, python));
  if (facts.targetKind === 'node' || facts.targetKind === 'electron' || facts.targetKind === 'chromium' || facts.targetKind === 'v8') {
    found.push({ kind: 'v8', name: 'V8 heap', serves: 'JavaScript objects, code and strings', evidence: ['The target runs V8.'] });
  }
  const replacement = findReplacement(facts);
  if (replacement) found.push(replacement);
  else if (facts.targetKind === 'chromium' || facts.targetKind === 'electron') {
    found.push({ kind: 'partition-alloc', name: 'PartitionAlloc', serves: 'malloc and new of Chromium, and Blink', evidence: ['Chromium is built with it in place of the C library.'] });
  } else found.push(cLibrary(facts));
  return found;
}

function pythonAllocator({ environment }: AllocatorFacts, python: NonNullable<AllocatorFacts['python']>): AllocatorInfo {
  const wanted = environment['PYTHONMALLOC'];
  const evidence = wanted === undefined ? [] : [`PYTHONMALLOC=${wanted} in the environment.`];
  const debug = python.devMode || /debug/.test(wanted ?? '');
  if (python.devMode) evidence.push('The interpreter runs in development mode (-X dev), which adds the debug hooks.');
  const hooks = debug ? ' with debug hooks (24 to 32 bytes more a block)' : '';
  if (python.hasPools) {
    evidence.push("The interpreter's own statistics list arenas and pools, and a live object lies in one.");
    return { kind: 'pymalloc', name: `pymalloc${hooks}`, serves: 'Python objects and their parts up to 512 bytes', evidence };
  }
  if (python.hasMimalloc) {
    evidence.push("The interpreter's own statistics are those of mimalloc.");
    if (!python.gilEnabled) evidence.push('Free-threaded interpreters always use it.');
    return { kind: 'mimalloc', name: `mimalloc of CPython${hooks}`, serves: 'Python objects and their parts', evidence };
  }
  evidence.push('The interpreter counts no blocks of its own: every object is a block of the C library.');
  return { kind: 'other', name: `malloc for all objects${hooks}`, serves: 'Python objects, through the C library', evidence };
}

function findReplacement({ libraries, environment, answering }: AllocatorFacts): AllocatorInfo | null {
  for (const { kind, pattern, name } of REPLACEMENTS) {
    const library = libraries.find((path) => pattern.test(path));
    const evidence: string[] = [];
    if (library !== undefined) evidence.push(`${library} is mapped.`);
    const preload = environment['LD_PRELOAD'];
    if (preload !== undefined && pattern.test(`/${preload}`)) evidence.push(`LD_PRELOAD=${preload} in the environment.`);
    if (answering.includes(kind)) evidence.push(`Its own functions answer in the process.`);
    if (evidence.length > 0) return { kind, name, serves: 'malloc and free of the whole process', evidence };
  }
  return null;
}

function cLibrary({ libraries, cLibrary: told }: AllocatorFacts): AllocatorInfo {
  const serves = 'malloc and free of the whole process';
  const musl = libraries.find((path) => /\/ld-musl-|\/libc\.musl-/.test(path));
  if (musl !== undefined) return { kind: 'musl', name: 'musl malloc', serves, evidence: [`${musl} is mapped.`] };
  const glibc = libraries.find((path) => /\/libc(-[\d.]+)?\.so/.test(path));
  if (glibc !== undefined || told !== null) {
    const evidence = [glibc === undefined ? '' : `${glibc} is mapped and no other allocator is.`, told === null ? '' : `The C library calls itself ${told}.`];
    return { kind: 'glibc', name: told ? `${told.replace('glibc', 'glibc malloc')}` : 'glibc malloc', serves, evidence: evidence.filter((text) => text !== '') };
  }
  return { kind: 'other', name: 'an allocator we do not know', serves, evidence: ['No library that we know is mapped: the program may be linked statically.'] };
}
