"""A service whose reference counts and cycles are known.

Every 20 ms it calls `handle(node)` with a fresh Node: the variable `node` of `handle` is held by
`node` itself and by the caller's `fresh`; line by line: +1 for `other`, +1 for the list `seen`,
-1 and -1 when they go. `held` is an object with exactly six references that have names: the
variable `held`, twice in the list `twice`, once as a value and once as a key of the dict `table`,
the attribute `owner.owned`. `python counted.py --cycles N` leaves N cycles of two Pairs behind,
joined by `left` and `right`, with the collector off so that nobody takes them away, and one object in gc.garbage.
"""
import gc
import sys
import time


class Node(object):
    pass


class Pair(object):
    def __init__(self):
        self.left = None
        self.right = None
        self.text = 'x' * 1000 + str(id(self))


class Owner(object):
    def __init__(self, owned):
        self.owned = owned


seen = []
held = Node()
twice = [held, held]
table = {'value': held, held: 'key'}
owner = Owner(held)


def handle(node):
    other = node
    seen.append(node)
    seen.clear()
    del other
    return None


def numbers(limit):
    for number in range(limit):
        yield number


def make_cycles(count):
    for _ in range(count):
        one, two = Pair(), Pair()
        one.right, two.left = two, one


def serve():
    while True:
        fresh = Node()
        handle(fresh)
        time.sleep(0.02)


if __name__ == '__main__':
    gc.collect()
    gc.garbage.append(held.__class__)
    if '--cycles' in sys.argv:
        gc.disable()
        make_cycles(int(sys.argv[sys.argv.index('--cycles') + 1]))
    print('serving', flush=True)
    serve()
