/** Reference counts, referrers and cyclic garbage against programs whose counts are known, on every interpreter here. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, Target, until, type Params } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const SAMPLE = resolve(import.meta.dirname, '../../samples/counted.py');
const CYCLES = 250;
const { found, missing } = supportedInterpreters();
for (const minor of missing) it.skip(`references on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

interface Step {
  line: number;
  count: number | null;
  state: string;
  named: number;
  appeared: { name: string; kind: string }[];
  disappeared: { name: string; kind: string }[];
}
const TEXTBOOK = 'a_string = "cornucopia"\nreference_a_string = a_string\ndel reference_a_string\n';
const INSIDE = `def f():\n${TEXTBOOK.replace(/^(?=.)/gm, '    ')}f()\n`;

describe.each(found)('references on CPython $version', ({ path, minor }) => {
  const number = Number(minor.split('.')[1]);
  let target: Target;
  let client: Client;
  const collector = () => client.evaluate(`(lambda gc: [gc.get_debug(), gc.get_threshold(), gc.isenabled(), [id(c) for c in gc.callbacks], [id(o) for o in gc.garbage], id(gc.garbage)])(__import__('gc')).__repr__()`);
  const steps = (answer: Params) => answer['steps'] as unknown as Step[];
  const referrers = (answer: Params) => (answer['referrers'] as { kind: string; name: string; holder: string }[]).map(({ kind, name, holder }) => `${kind} ${name} of ${holder.replace(/[({<].*/, '')}`);

  beforeAll(async () => {
    target = new Target(path, [SAMPLE, '--cycles', '0']);
    client = await Client.open((await target.meet()).webSocketUrl);
    await target.says('serving');
  });
  afterAll(async () => {
    client?.close();
    await target?.dispose();
  });

  it('names every reference to an object, and none is left for C', async () => {
    const answer = await client.call('Python.getReferrers', { expression: 'held' });
    expect(answer).toMatchObject({ state: 'counted', count: 6, named: 6, heldFromC: 0, type: '__main__.Node' });
    expect(referrers(answer).sort()).toEqual(['attribute owned of ', 'element [0] of __main__.twice, a list of 2', 'element [1] of __main__.twice, a list of 2', 'global held of module __main__', "item ['value'] of __main__.table, a dict of 2", 'key <__main__.Node> of __main__.table, a dict of 2'].sort());
  });

  it('keeps its own references out of the count: asked twice, and held by a client', async () => {
    const { result } = await client.call('Runtime.evaluate', { expression: 'held' });
    const handle = String((result as Params)['objectId']);
    const answer = await client.call('Python.getReferrers', { objectId: handle });
    expect(answer).toMatchObject({ count: 6, named: 6, ours: [{ count: 1 }, { count: 1 }] });
    await client.call('Runtime.releaseObject', { objectId: handle });
  });

  it('says of immortal objects that they are', async () => {
    const answer = await client.call('Python.getReferrers', { expression: 'None' });
    if (number >= 12) expect(answer).toMatchObject({ state: 'immortal', count: null });
    else expect(answer).toMatchObject({ state: 'counted' });
    if (number === 11) expect(await client.call('Python.getReferrers', { expression: '1' })).toMatchObject({ state: 'static', count: null });
  });

  it('finds a text that is a constant, a key and in a tuple the collector does not follow', async () => {
    await client.evaluate(`exec("import gc\\nw = ''.join(['corn', 'ucopia'])\\nt = (w, 7)\\nd = {w: 1}\\ngc.collect(0)\\nprobe = [w]", globals())`);
    const answer = await client.call('Python.getReferrers', { expression: 'w' });
    expect(answer).toMatchObject({ count: 4, named: 4, heldFromC: 0 });
    await client.evaluate('exec("del w, t, d, probe", globals())');
  });

  it('tells an expression that is none, and one that fails', async () => {
    expect((await client.request('Python.getReferrers', { expression: 'held +' })).error?.message).toMatch(/not an expression/);
    expect((await client.request('Python.getReferrers', { expression: 'nothing_here' })).error?.message).toMatch(/NameError/);
    expect((await client.request('Python.getReferrers', { expression: 'held', module: 'no.such' })).error?.message).toMatch(/no module/);
    expect((await client.request('Python.getReferrers', {})).error?.code).toBe(-32602);
  });

  it.each([
    ['module level', TEXTBOOK, {}, [1, 2, 3]],
    ['a function', INSIDE, { function: 'f' }, [2, 3, 4]],
  ])('counts 1, 2, 1 in the textbook example at %s', async (_where, source, more, lines) => {
    const answer = await client.call('Python.traceReferences', { source, variable: 'a_string', ...more });
    const seen = steps(answer).filter(({ count }) => count !== null).slice(0, 3);
    expect(seen.map(({ line }) => line)).toEqual(lines);
    expect(seen.map(({ count }) => count)).toEqual([1, 2, 1]);
    expect(seen.map(({ appeared }) => appeared.map(({ name }) => name))).toEqual([['a_string'], ['reference_a_string'], []]);
    expect(seen.map(({ disappeared }) => disappeared.map(({ name }) => name))).toEqual([[], [], ['reference_a_string']]);
  });

  it('takes constants out of the count and lists them; where the text is immortal it says so', async () => {
    const answer = await client.call('Python.traceReferences', { source: TEXTBOOK, variable: 'a_string', freshConstants: false });
    const seen = steps(answer).filter(({ appeared, count }) => count !== null || appeared.length > 0);
    expect(answer['subtracted']).toEqual(expect.arrayContaining([{ name: 'constants of the traced code', count: 1 }]));
    if (number === 12) expect(seen[0]?.state).toBe('immortal');
    else expect(seen.slice(0, 3).map(({ count }) => count)).toEqual([1, 2, 1]);
  });

  it('follows an object into containers and attributes, to the last reference', async () => {
    const source = 'class C: pass\nx = "corn" + str(1)\nbox = [x]\nc = C()\nc.attr = x\nbox.clear()\ndel x\n';
    const answer = await client.call('Python.traceReferences', { source, variable: 'x' });
    const seen = steps(answer).filter(({ count }) => count !== null);
    expect(seen.map(({ line, count, named }) => [line, count, named])).toEqual([[2, 1, 1], [3, 2, 2], [4, 2, 2], [5, 3, 3], [6, 2, 2], [7, 1, 1]]);
    expect(seen[3]?.appeared[0]?.name).toMatch(/^attr in <__main__.C/);
    expect(seen[4]?.disappeared[0]?.name).toMatch(/^\[0\] in list/);
  });

  it('follows the next call of a function of the running service, and leaves it as it was', async () => {
    const code = await client.evaluate('id(handle.__code__)');
    for (let round = 0; round < 3; round++) {
      const answer = await client.call('Python.traceReferences', { module: '__main__', function: 'handle', variable: 'node' });
      const counts = steps(answer).map(({ count }) => count!);
      // Up to 3.10 the caller's stack holds its arguments during a call: one more, without a name.
      const first = number <= 10 ? 3 : 2;
      expect(counts).toEqual([first, first + 1, first + 2, first + 1, first, first]);
      expect(steps(answer)[0]?.appeared.map(({ name }) => name)).toEqual(['node', expect.stringMatching(/^fresh in variable of serve/)]);
      expect(await client.evaluate('id(handle.__code__)')).toBe(code);
    }
  });

  it('lists functions, and refuses what it cannot follow with the reason', async () => {
    const { modules } = await client.call('Python.getModules');
    expect((modules as Params[])[0]?.['name']).toBe('__main__');
    const { functions } = await client.call('Python.getFunctions', { module: '__main__' });
    const named = new Map((functions as Params[]).map((one) => [one['name'], one]));
    expect([...named.keys()]).toEqual(expect.arrayContaining(['handle', 'Pair.__init__', 'Owner.__init__', 'serve', 'numbers']));
    expect(named.get('handle')).toMatchObject({ variables: ['node', 'other'] });
    expect(named.get('numbers')?.['reason']).toMatch(/generators/);
    const refuse = async (more: Params) => (await client.request('Python.traceReferences', { module: '__main__', function: 'handle', variable: 'node', ...more })).error?.message;
    expect(await refuse({ function: 'numbers', variable: 'number' })).toMatch(/generators/);
    expect(await refuse({ variable: 'nothing' })).toMatch(/no variable/);
    expect(await refuse({ function: 'nothing' })).toMatch(/no function/);
    expect(await refuse({ function: 'make_cycles', variable: 'one', timeoutMs: 200 })).toMatch(/was not called/);
    expect(await client.evaluate("make_cycles.__code__.co_filename.endswith('counted.py')")).toBe(true);
  });

  it('does not touch a thread that somebody else traces', async () => {
    await client.evaluate(`exec("import sys, threading, time\\ndef probed(a):\\n  return a\\ndef loop():\\n  sys.settrace(lambda *a: None)\\n  while not stop:\\n    probed(1)\\n    time.sleep(0.01)\\nstop = []\\nthread = threading.Thread(target=loop, daemon=True)\\nthread.start()", globals())`);
    const { error } = await client.request('Python.traceReferences', { module: '__main__', function: 'probed', variable: 'a', timeoutMs: 5_000 });
    expect(error?.message).toMatch(/debugger or a coverage tool/);
    await client.evaluate('stop.append(1)');
  });

  it('stops a text that does not end, and tells how one failed', async () => {
    const endless = await client.call('Python.traceReferences', { source: 'x = [1]\nwhile True:\n    y = x\n', variable: 'x', maxSteps: 50, timeoutMs: 5_000 });
    expect(endless).toMatchObject({ cut: true, error: null });
    const failing = await client.call('Python.traceReferences', { source: 'x = [1]\nx.nothing\n', variable: 'x' });
    expect(failing['error']).toMatch(/^AttributeError/);
    expect((await client.request('Python.traceReferences', { source: 'x = = 1', variable: 'x' })).error?.message).toMatch(/SyntaxError/);
  });

  it('runs a file as well', async () => {
    const file = join(target.folder, 'textbook.py');
    writeFileSync(file, TEXTBOOK);
    const answer = await client.call('Python.traceReferences', { path: file, variable: 'a_string' });
    expect(steps(answer).filter(({ count }) => count !== null).slice(0, 3).map(({ count }) => count)).toEqual([1, 2, 1]);
    expect((await client.request('Python.traceReferences', { path: '/no/such/file.py', variable: 'a' })).error?.message).toMatch(/FileNotFoundError/);
  });

  it('lists cyclic garbage as cycles, frees it, and leaves the collector as it was', async () => {
    await client.evaluate(`make_cycles(${CYCLES})`);
    const before = await collector();
    const answer = await client.call('Python.exploreGarbage');
    expect(await collector()).toBe(before);
    const groups = answer['groups'] as { count: number; types: { type: string; objects: number }[]; edges: { name: string }[]; heldBytes: number }[];
    const pairs = groups.find(({ types }) => types.some(({ type }) => type === '__main__.Pair'));
    expect(pairs).toMatchObject({ count: CYCLES });
    expect(pairs?.types.find(({ type }) => type === '__main__.Pair')?.objects).toBe(2);
    expect(pairs?.edges.map(({ name }) => name.replace(/[['\]]/g, ''))).toEqual(expect.arrayContaining(['left', 'right']));
    expect(pairs?.heldBytes).toBeGreaterThan(CYCLES * 2 * 1_000);
    expect(answer).toMatchObject({ keptByProgram: false, uncollectableCount: 1 });
    expect(await client.evaluate(`len([o for o in __import__('gc').get_objects() if type(o) is Pair])`)).toBe(0);
    const again = await client.call('Python.exploreGarbage');
    expect((again['types'] as { type: string }[]).filter(({ type }) => type === '__main__.Pair')).toEqual([]);
  });

  it('runs finalisers once, clears weak references, and keeps what the program wants kept', async () => {
    await client.evaluate(`exec("import gc, weakref\\nclass Last:\\n  def __del__(self): runs.append(1)\\nruns, gone = [], []\\nlast = Last()\\nlast.me = last\\nweak = weakref.ref(last, gone.append)\\ndel last", globals())`);
    const answer = await client.call('Python.exploreGarbage');
    expect((answer['types'] as { type: string }[]).map(({ type }) => type)).toContain('__main__.Last');
    expect(await client.evaluate('(len(runs), len(gone), weak() is None).__repr__()')).toBe('(1, 1, True)');
    await client.evaluate(`exec("gc.set_debug(gc.DEBUG_SAVEALL)\\npair = [1]\\npair.append(pair)\\ndel pair", globals())`);
    const kept = await client.call('Python.exploreGarbage');
    expect(kept['keptByProgram']).toBe(true);
    expect(await client.evaluate(`gc.get_debug() == gc.DEBUG_SAVEALL and any(type(o) is list and len(o) == 2 and o[1] is o for o in gc.garbage)`)).toBe(true);
    await client.evaluate('exec("gc.set_debug(0)\\ndel gc.garbage[1:]", globals())');
  });

  it('gives an armed function its code back when the agent leaves', async () => {
    const other = new Target(path, [SAMPLE]);
    try {
      const second = await Client.open((await other.meet()).webSocketUrl);
      await other.says('serving');
      void second.request('Python.traceReferences', { module: '__main__', function: 'make_cycles', variable: 'one', timeoutMs: 60_000 });
      await second.evaluate(`exec("import threading, sys\\ndef watch():\\n  import time\\n  while 'heaphouse_agent' in sys.modules: time.sleep(0.01)\\n  print('code', make_cycles.__code__.co_filename.rpartition('/')[2], flush=True)\\nthreading.Thread(target=watch, daemon=True).start()", globals())`);
      await second.call('Python.detach');
      await other.says('code counted.py');
    } finally {
      await other.dispose();
    }
  });

  it('sums up collections that come too fast, and loses none', async () => {
    const other = new Target(path, ['-c', `import gc, sys, time
gc.set_threshold(50)
def total(): return sum(s['collections'] for s in gc.get_stats())
print('ready', flush=True)
sys.stdin.readline()
n, end = total(), time.time() + 1.2
while time.time() < end:
    a = []
    a.append(a)
print('ran', total() - n, flush=True)
sys.stdin.readline()
`]);
    try {
      const second = await Client.open((await other.meet()).webSocketUrl);
      await other.says('ready');
      await second.call('Python.enable', { batches: true });
      other.tell('go');
      await other.says('ran');
      const ran = Number(/ran (\d+)/.exec(other.stdout)?.[1]);
      const of = (method: string) => second.events.filter((event) => event.method === method).map(({ params }) => params);
      const noted = () => of('Python.gcFinishedBatch').reduce((sum, { rows }) => sum + Buffer.from(String(rows), 'base64').length / 40, 0);
      const summed = () => of('Python.gcSummary').reduce((sum, { generations }) => sum + (generations as { collections: number }[]).reduce((all, one) => all + one.collections, 0), 0);
      await until('the last sum', () => noted() + summed() >= ran, 10_000);
      expect(summed()).toBeGreaterThan(0);
      expect(noted()).toBeGreaterThan(0);
      // The program's own before and after the loop are among them.
      expect(noted() + summed() - ran).toBeLessThan(50);
      expect(of('Python.gcSummary')[0]?.['generations']).toHaveLength(3);
    } finally {
      await other.dispose();
    }
  });

  it('notes every collection in C: exact counts, survivors, who asked', async () => {
    await client.call('Python.enable', { batches: true });
    const rows = () => client.events.filter(({ method }) => method === 'Python.gcFinishedBatch').flatMap(({ params }) => {
      const data = Buffer.from(String(params['rows']), 'base64');
      return Array.from({ length: data.length / 40 }, (_, at) => ({ at: data.readDoubleLE(at * 40), collected: data.readInt32LE(at * 40 + 12), survivors: data.readInt32LE(at * 40 + 24), count: data.readInt32LE(at * 40 + 28), generation: data.readInt32LE(at * 40 + 36) }));
    });
    const asked = () => client.events.filter(({ method, params }) => method === 'Python.gcFinished' && params['trigger'] === 'explicit');
    await client.evaluate(`exec("import gc\\ngc.enable()\\nn0 = sum(s['collections'] for s in gc.get_stats())\\nfor i in range(60000):\\n  a = []\\n  a.append(a)\\nn1 = sum(s['collections'] for s in gc.get_stats())\\ngc.collect()", globals())`);
    const expected = Number(await client.evaluate('n1 - n0'));
    expect(expected).toBeGreaterThan(20);
    await until('all collections', () => rows().length >= expected && asked().length >= 1);
    // Those right around the count are the service's own.
    expect(rows().length - expected).toBeLessThanOrEqual(3);
    expect(asked()[0]?.params['triggerAt']).toMatch(/:\d+$/);
    expect(Math.abs(rows()[0]!.at - Date.now())).toBeLessThan(60_000);
    if (number <= 13) expect(rows().filter(({ generation }) => generation === 1).every(({ survivors }) => survivors >= 0)).toBe(true);
    await client.call('Python.disable');
    expect(await client.evaluate(`[c for c in __import__('gc').callbacks if 'heaphouse' in repr(c)].__len__()`)).toBe(0);
  });
});
