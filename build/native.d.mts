/** Whether all native parts are there after the call. */
export function buildNative(log: (line: string) => void, options?: { force?: boolean }): boolean;
/** Whether the injector was built; `extra`: further flags of the compiler. */
export function compileInjector(log: (line: string) => void, compiler: string | undefined, output: string, extra?: readonly string[]): boolean;
