/** The one statement of Python that every way into a process has run there. */

/**
 * One statement of Python that runs `inject.py` at most once and only while the rendezvous folder exists (a pending call
 * may come by long after we have given up), leaves no name behind and lets no exception out. Ended by a NUL.
 */
export function injectedCode(injectFile: string, rendezvous: string): Buffer {
  const hex = (text: string) => Buffer.from(text, 'utf8').toString('hex');
  const body = [
    'import os, sys',
    // What is done here gives the interpreter's lock away some ten times: inject.py says why the interval is short meanwhile.
    'u = sys.getswitchinterval()',
    'if u > 0.000103: sys.setswitchinterval(0.000103 + 2e-7)',
    'q = sys.getswitchinterval()',
    "p, r = (os.fsdecode(bytes.fromhex(h)) for h in (P, R))",
    'try:',
    "    os.mkdir(r + '/entered')",
    'except OSError:',
    '    r = None',
    'try:',
    '    if r is not None:',
    "        with open(p, encoding='utf-8') as f:",
    "            c = compile(f.read(), p, 'exec')",
    "        exec(c, {'__name__': 'heaphouse_agent_inject', 'RENDEZVOUS': r, 'INTERVAL': u})",
    '    elif u > 0.000103 and sys.getswitchinterval() == q:',
    '        sys.setswitchinterval(u + 2e-7)',
    'except BaseException as e:',
    '    if u > 0.000103 and sys.getswitchinterval() == q:',
    '        sys.setswitchinterval(u + 2e-7)',
    '    try:',
    "        with open(r + '/%d.error.json' % os.getpid(), 'w') as f:",
    `            f.write('{"error":"The agent could not be read: %s"}' % type(e).__name__)`,
    '    except BaseException:',
    '        pass',
    '',
  ].join('\n');
  const statement = `exec(${JSON.stringify(body)}, {'P': '${hex(injectFile)}', 'R': '${hex(rendezvous)}'})`;
  return Buffer.from(`${statement}\0`, 'ascii');
}
