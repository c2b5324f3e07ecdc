"""Allocates objects of many layouts on known lines, before and after allocations are recorded."""
import sys
import threading

kept = []


class Plain:
    pass


class Slotted:
    __slots__ = ('a', 'b')


class Bare:
    __slots__ = ()


class OfDict(dict):
    pass


class OfInt(int):
    pass


class OfTuple(tuple):
    __slots__ = ()


class Loud(type):
    def __getattribute__(cls, name):
        print('ran user code: ' + name, flush=True)
        return type.__getattribute__(cls, name)


class Held(metaclass=Loud):
    def __init__(self):
        self.weight = 1

    def __repr__(self):
        print('ran user code: repr', flush=True)
        return 'x'


def layouts(count):
    for n in range(count):
        kept.append(Plain())  # Plain
        kept.append(Slotted())  # Slotted
        kept.append(Bare())  # Bare
        kept.append(OfDict(a=n))  # OfDict
        kept.append(OfInt(n))  # OfInt
        kept.append(OfTuple((n, n)))  # OfTuple
        kept.append(Held())  # Held
        kept.append(b'%08d' % n * 9)  # bytes
        kept.append(set((n, -n)))  # set
        kept.append(lambda: n)  # function


def reused(count):
    first = [Slotted() for _ in range(count)]
    del first
    kept.extend([Plain() for _ in range(count)])  # reused


def churned(count):
    for n in range(count):
        gone = {'gone': n}
        del gone
        kept.append({'number': n})  # dict


def grown(count):
    text = []
    for n in range(count):
        text.append(n)
    kept.append(text)


def deep(levels):
    return deep(levels - 1) if levels else layouts(50)


def in_threads(count):
    def work():
        for _ in range(count):
            kept.append(Slotted())  # threads
    workers = [threading.Thread(target=work) for _ in range(4)]
    [one.start() for one in workers]
    [one.join() for one in workers]


class Early:
    pass


early = [Early() for _ in range(100)]
print('ready', flush=True)
for line in sys.stdin:
    command = line.split()
    if command[0] == 'quit':
        break
    if command[0] == 'clear':
        del kept[:]
    elif command[0] == 'trace':
        import tracemalloc
        tracemalloc.start() if command[1] == 'start' else tracemalloc.stop()
    elif command[0] == 'fork':
        import os
        child = os.fork()
        if not child:
            layouts(100)
            os._exit(7)
        print('child ended with %d' % (os.waitpid(child, 0)[1] >> 8), flush=True)
    else:
        {'layouts': layouts, 'reused': reused, 'churned': churned, 'grown': grown, 'deep': deep,
         'threads': in_threads}[command[0]](int(command[1]))
    print('done ' + line.strip(), flush=True)
