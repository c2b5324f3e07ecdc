/** What the launch form says of allocators, and what of it belongs in the request. */
export interface AllocatorChoice {
  /** Empty: as it is. */
  pythonMalloc: string;
  /** Path of a library; empty: none. */
  preload: string;
  /** The path is typed and not chosen. */
  otherPreload: boolean;
}

export const NO_ALLOCATOR_CHOICE: AllocatorChoice = { pythonMalloc: '', preload: '', otherPreload: false };

export function allocatorRequest({ pythonMalloc, preload }: AllocatorChoice): { pythonMalloc?: string; preload?: string } {
  const path = preload.trim();
  return { ...(pythonMalloc === '' ? {} : { pythonMalloc }), ...(path === '' ? {} : { preload: path }) };
}

/** `pymalloc_debug, libjemalloc.so.2` */
export function allocatorText({ pythonMalloc, preload }: AllocatorChoice): string {
  const name = preload.trim().split('/').at(-1) ?? '';
  return [pythonMalloc, name].filter(Boolean).join(', ');
}
