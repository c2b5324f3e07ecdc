"""A fixed amount of work when told: user CPU seconds of it are printed. `compute` allocates little, `allocate` all the time."""
import json
import resource
import sys


def compute():
    total = 0
    for n in range(2000000):
        total += n & 7
    return total


def allocate():
    kept = []
    for n in range(200000):
        row = {'id': n, 'name': 'row %d' % n, 'tags': [n] * 8}
        if n % 50 == 0:
            kept.append(json.dumps(row))
    return kept


def deep(levels=40):
    return deep(levels - 1) if levels else allocate()


def integers():
    total = 0
    for n in range(1000, 1001000):
        total += n << 8
    return total


class Row:
    def __init__(self, number):
        self.number = number
        self.name = 'row %d' % number


def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


rows = []
WORK = {'compute': compute, 'allocate': allocate, 'deep': deep, 'integers': integers}
print('ready', flush=True)
for line in sys.stdin:
    command = line.split()
    if command[0] == 'quit':
        break
    if command[0] == 'load':
        import heaphouse_agent
        print('address %s;' % heaphouse_agent.start(), flush=True)
        continue
    if command[0] == 'unload':
        sys.modules['heaphouse_agent'].stop()
        print('away;', flush=True)
        continue
    if command[0] == 'trace':
        import tracemalloc
        tracemalloc.start(int(command[1]))
        continue
    if command[0] == 'untrace':
        tracemalloc.stop()
        continue
    if command[0] == 'keep':
        before = resident()
        rows.extend([Row(n) for n in range(int(command[1]))])
        print('grown %d;' % (resident() - before), flush=True)
        continue
    if command[0] == 'forget':
        del rows[:]
        continue
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_utime
    WORK[command[0]]()
    print('spent %.6f;' % (resource.getrusage(resource.RUSAGE_THREAD).ru_utime - before), flush=True)
