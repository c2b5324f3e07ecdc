"""Works in rounds of known result until the file given by --until exists; for attaching to it many times. --kind says how:

  busy      the main thread never waits: arithmetic
  asyncio   an event loop that sleeps; one timer a second
  sleep     the main thread sleeps, a second at a time, and checks how long that took
  threads   four threads compute, the main thread waits for them
  alloc     the main thread allocates and frees: dicts, strings, cycles for the collector
  native    long calls of C code: hashing with the interpreter lock released, sorting with it held
  imports   modules are imported and thrown away, over and over
  forks     children are forked that each come to a result of their own
  plain     like busy, but signals come in all the time (an interval timer with a handler)

Prints `ready`, and at the end `result ok <rounds>`, or `result wrong: …` with exit code 1. Wrong is also: a module, a
thread, a descriptor or an object of an agent that was not there before, or another switch interval.
"""
import argparse
import asyncio
import gc
import hashlib
import os
import signal
import sys
import threading
import time

stop = None
wrong = []
rounds = 0


def over():
    return os.path.exists(stop)


def check(ok, what):
    global rounds
    rounds += 1
    if not ok and len(wrong) < 5:
        wrong.append(what)


def arithmetic():
    rows = [[i, i * i] for i in range(100)]
    return sum(row[1] for row in rows) == 328350


def floats():
    x, total = 1.5, 0.0
    for i in range(200):
        x = x * 1.0000001 + i / 3.0
        total += x
    return total


def busy():
    expected = floats()
    while not over():
        for _ in range(50):
            check(arithmetic() and floats() == expected, 'arithmetic')


async def ticking():
    loop = asyncio.get_running_loop()
    while not over():
        started = loop.time()
        await asyncio.sleep(1)
        took = loop.time() - started
        check(0.98 <= took < 3, 'a timer of a second took %.3f s' % took)


def sleep():
    while not over():
        started = time.monotonic()
        time.sleep(1)
        took = time.monotonic() - started
        check(0.999 <= took < 3, 'a sleep of a second took %.3f s' % took)


def threads():
    def work():
        while not over():
            for _ in range(20):
                check(arithmetic(), 'arithmetic in a thread')
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    print('ready', flush=True)
    for worker in workers:
        worker.join()


class Node(object):
    def __init__(self, value):
        self.value = value
        self.me = self


def alloc():
    while not over():
        for size in (10, 1000, 5000):
            table = {'key %d' % i: [i, str(i), Node(i)] for i in range(size)}
            check(sum(v[2].value for v in table.values()) == size * (size - 1) // 2, 'sum of a table')
            blob = b'x' * (size * 200)
            check(len(blob) == size * 200 and blob.count(b'x') == len(blob), 'bytes')


def native():
    data = b'heap' * 2000000
    digest = hashlib.sha256(data).hexdigest()
    numbers = [(i * 7919) % 1000003 for i in range(200000)]
    order = sorted(numbers)
    while not over():
        check(hashlib.sha256(data).hexdigest() == digest, 'digest')
        check(sorted(numbers) == order, 'sort')


def imports():
    names = ['colorsys', 'string', 'textwrap', 'html.entities', 'csv', 'configparser', 'difflib']
    while not over():
        for name in names:
            sys.modules.pop(name, None)
            __import__(name)
            check(name in sys.modules, 'import of ' + name)


def forks():
    while not over():
        child = os.fork()
        if child == 0:
            os._exit(7 if arithmetic() else 8)
        check(os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7, 'a child')


def plain():
    count = [0]

    def tick(*_):
        count[0] += 1
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        busy()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    check(count[0] > 0, 'no signal came through')


def foreign():
    """What the collector knows of that is not this program's: functions, classes and modules of an agent."""
    gc.collect()
    kinds = (type(main), type(Node), type(sys))
    return sorted(repr(o) for o in gc.get_objects()
                  if type(o) in kinds and 'heaphouse' in '%s %s' % (getattr(o, '__module__', ''), getattr(o, '__name__', '')))


def counts(fd):
    """3.14+: `import _ctypes` makes libffi open its own file, once, for as long as the process lives."""
    try:
        return 'libffi' not in os.readlink('/proc/self/fd/' + fd)
    except OSError:
        return False


def mine():
    """Modules, threads, descriptors and the switch interval as they are now."""
    return (sorted(name for name in sys.modules if 'heaphouse' in name), len(os.listdir('/proc/self/task')),
            sorted(filter(counts, os.listdir('/proc/self/fd'))), sys.getswitchinterval(), foreign())


def main():
    global stop
    parser = argparse.ArgumentParser()
    parser.add_argument('--kind', default='busy')
    parser.add_argument('--until', required=True)
    args = parser.parse_args()
    stop = args.until
    before = mine()
    if args.kind != 'threads':  # there when its threads are
        print('ready', flush=True)
    if args.kind == 'asyncio':
        asyncio.run(ticking())
    else:
        globals()[args.kind]()
    deadline = time.monotonic() + 10
    while mine() != before and time.monotonic() < deadline:
        time.sleep(0.05)  # a thread of the agent may be on its last instructions
    if mine() != before:
        wrong.append('left behind: %r, before: %r' % (mine(), before))
    print('result wrong: %s' % '; '.join(wrong) if wrong else 'result ok %d' % rounds, flush=True)
    return 1 if wrong or not rounds else 0


if __name__ == '__main__':
    sys.exit(main())
