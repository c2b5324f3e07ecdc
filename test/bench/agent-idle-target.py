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


WORK = {'compute': compute, 'allocate': allocate}
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
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_utime
    WORK[command[0]]()
    print('spent %.6f;' % (resource.getrusage(resource.RUSAGE_THREAD).ru_utime - before), flush=True)
