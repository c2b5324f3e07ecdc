/** Whether all native parts are there after the call. */
export function buildNative(log: (line: string) => void, options?: { force?: boolean }): boolean;
/** Whether the injector was built; `extra`: further flags of the compiler. */
export function compileInjector(log: (line: string) => void, compiler: string | undefined, output: string, extra?: readonly string[]): boolean;
/** Whether the loops of the heap engine are there after the call; `extra`: further flags of the compiler. */
export function buildHeapLoops(log: (line: string) => void, options?: { force?: boolean; output?: string; extra?: readonly string[] }): boolean;
