/** What may be chosen about allocators before a program starts. */

export const PRELOAD_KINDS = ['jemalloc', 'mimalloc', 'tcmalloc'] as const;
export type PreloadKind = (typeof PRELOAD_KINDS)[number];

/** A library of this machine that can take the place of the C library's malloc. */
export interface PreloadLibrary {
  kind: PreloadKind;
  /** `jemalloc`, `tcmalloc (minimal)` */
  name: string;
  path: string;
}

export interface LaunchAllocators {
  /** Null when the command is no Python that could be told before its start. */
  python: {
    version: string;
    /** Values of PYTHONMALLOC that this interpreter accepts. */
    values: string[];
  } | null;
  libraries: PreloadLibrary[];
  /** Why none of them would help this command; null when they do. */
  preloadReason: string | null;
}

/**
 * Values of PYTHONMALLOC that an interpreter of version 3.`minor` accepts; it stops at its start with any other.
 * Interpreters without the GIL have mimalloc only (PEP 703).
 */
export function pythonMallocValues(minor: number, gilEnabled = true): string[] {
  if (!gilEnabled) return ['default', 'debug', 'mimalloc', 'mimalloc_debug'];
  const values = ['default', 'debug', 'malloc', 'malloc_debug', 'pymalloc', 'pymalloc_debug'];
  return minor >= 13 ? [...values, 'mimalloc', 'mimalloc_debug'] : values;
}
