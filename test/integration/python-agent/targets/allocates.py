"""Allocates known amounts on known lines: keeps some, drops some, says which."""
import sys
import threading
import time

kept = []


def keeps(count):
    for _ in range(count):
        kept.append(bytearray(2000))  # KEEPS


def drops(count):
    for _ in range(count):
        bytearray(3000)


def deep(levels, count):
    return deep(levels - 1, count) if levels else keeps(count)


def generates(count):
    for _ in range(count):
        yield bytearray(1500)  # GENERATES


def by_c(count):
    return sorted(range(count), key=lambda number: (number, [number] * 20))


class Hostile(type):
    def __getattribute__(cls, name):
        print('ran user code: ' + name, flush=True)
        return type.__getattribute__(cls, name)


class Held(metaclass=Hostile):
    def __init__(self):
        self.weight = bytearray(5000)  # HELD

    def __repr__(self):
        print('ran user code: repr', flush=True)
        return 'x'


def spins(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum([n * n for n in range(200)])


def waits():
    threading.Event().wait()


threading.Thread(target=waits, name='waiter', daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    command = line.split()
    if command[0] == 'quit':
        break
    if command[0] == 'keep':
        keeps(int(command[1]))
    elif command[0] == 'drop':
        drops(int(command[1]))
    elif command[0] == 'deep':
        deep(int(command[1]), int(command[2]))
    elif command[0] == 'generate':
        kept.extend(generates(int(command[1])))
    elif command[0] == 'c':
        by_c(int(command[1]))
    elif command[0] == 'held':
        kept.extend([Held() for _ in range(int(command[1]))])
    elif command[0] == 'spin':
        spins(float(command[1]))
    elif command[0] == 'clear':
        del kept[:]
    elif command[0] == 'threads':
        def work():
            for _ in range(2000):
                keeps(1)
                drops(20)
        workers = [threading.Thread(target=work) for _ in range(4)]
        [one.start() for one in workers]
        [one.join() for one in workers]
    elif command[0] == 'trace':
        import tracemalloc
        tracemalloc.start() if command[1] == 'start' else tracemalloc.stop()
    elif command[0] == 'fork':
        import os
        child = os.fork()
        if not child:
            keeps(2000)
            del kept[:]
            os._exit(7)
        print('child ended with %d' % (os.waitpid(child, 0)[1] >> 8), flush=True)
    print('done ' + line.strip() + ' %d' % sys.getallocatedblocks(), flush=True)
