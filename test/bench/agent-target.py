"""A heap of about argv[1] objects, argv[2] MiB besides, and a busy main thread that notes its longest stall."""
import os
import sys
import threading
import time


class Node(object):
    def __init__(self, number, other):
        self.number = number
        self.label = 'node %d' % number
        self.other = other


class Slotted(object):
    __slots__ = ('left', 'right')


def build(count):
    kept = []
    other = None
    for number in range(count // 10):
        other = Node(number + 1000000, other if number % 50 else None)
        slotted = Slotted()
        slotted.left, slotted.right = float(number), b'%d' % number
        kept.append((other, slotted, {'key %d' % number: number + 5000000}, [float(number), 'text %d' % number]))
    return kept


kept = build(int(sys.argv[1]))
# Written to, or it would take no memory; in pieces, as programs have them.
ballast = [bytearray(b'x' * (1 << 20)) for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0)]
worst = 0.0
spins = 0
running = True


def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096


def peak():
    """Bytes; the most since the mark below was written."""
    with open('/proc/self/status') as file:
        return [int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM')][0]


def guppy():
    from guppy import hpy
    return lambda: str(hpy().heap())


def pympler():
    from pympler import muppy, summary
    return lambda: summary.summarize(muppy.get_objects())


def objgraph():
    import objgraph
    return lambda: objgraph.most_common_types(limit=20, shortnames=False)


def peer(name):
    global worst
    try:
        run = globals()[name]()
    except ImportError:
        return 'peer 0 0 0 0;'
    time.sleep(0.2)
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    before = resident()
    worst = 0.0
    begun, cpu = time.perf_counter(), time.thread_time()
    run()
    taken, spent = time.perf_counter() - begun, time.thread_time() - cpu
    time.sleep(0.1)
    return 'peer %.1f %.1f %.1f %d;' % (taken * 1000.0, spent * 1000.0, worst * 1000.0, max(0, peak() - before))


def commands():
    global worst, running
    for line in sys.stdin:
        command = line.strip()
        if command.startswith('fork'):  # and how long to watch: as long as a snapshot takes
            time.sleep(0.2)
            worst = 0.0
            before = time.perf_counter()
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            call = time.perf_counter() - before
            os.waitpid(pid, 0)
            time.sleep(float(command.split()[1]))
            print('fork %.3f %.3f;' % (worst * 1000.0, call * 1000.0), flush=True)
        elif command == 'reset':
            time.sleep(0.1)
            worst = 0.0
            print('reset %d %d;' % (resident(), sys.getallocatedblocks()), flush=True)
        elif command == 'report':
            print('report %.3f %d %d;' % (worst * 1000.0, resident(), sys.getallocatedblocks()), flush=True)
        elif command.startswith('peer'):
            print(peer(command.split()[1]), flush=True)
        elif command == 'quit':
            running = False
            return


threading.Thread(target=commands, daemon=True).start()
print('ready', flush=True)
last = time.perf_counter()
while running:
    now = time.perf_counter()
    if now - last > worst:
        worst = now - last
    last = now
