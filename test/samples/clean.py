"""A service that is well, CPython 3.8 and newer, standard library only: what a memory tool must keep silent about.

Truth:
  * Everything it keeps is bounded: an LRU cache of 256 entries, a deque of the last 200 requests, a pool of 8 workers'
    buffers, tables of constant data. It is warm before the line `phase ready begin`; from then on nothing grows.
  * It does what programs do: requests with headers and bodies come and go, exceptions are raised and handled, timers
    and threads run, closures and generators are made and dropped, classes have slots or not.
  * No detector of findings has anything to say about it, for one snapshot or two.

It ends --hold-after seconds after the start (default: never), or at the end of standard input with --stdin.
"""
import argparse
import collections
import functools
import itertools
import logging
import sys
import threading
import time

_recent = collections.deque(maxlen=200)
_cache = collections.OrderedDict()
_errors = collections.Counter()
_countries = {code: 'Country number %d' % index for index, code in enumerate(map(''.join, itertools.product('ABCDEFGHIJ', repeat=2)))}
_routes = {'/route/%d' % index: lambda request, index=index: (index, request.number) for index in range(50)}
_log = logging.getLogger('clean')


class Request:
    def __init__(self, number):
        self.number = number
        self.headers = {'host': 'example.org', 'accept': 'text/html', 'x-number': str(number)}
        self.body = [number, number + 1]


class Point:
    __slots__ = ('x', 'y')

    def __init__(self, x, y):
        self.x = x
        self.y = y


_points = [Point(index, index * 2) for index in range(500)]
_buffers = [bytearray(4096) for _ in range(8)]


@functools.lru_cache(maxsize=128)
def square(number):
    return number * number


def cached(key):
    if key in _cache:
        _cache.move_to_end(key)
    else:
        _cache[key] = {'key': key, 'value': 'value of %d' % key}
        if len(_cache) > 256:
            _cache.popitem(last=False)
    return _cache[key]


def handle(number):
    request = Request(number)
    _recent.append(request)
    try:
        if number % 10 == 0:
            raise ValueError('number %d' % number)
        _routes['/route/%d' % (number % 50)](request)
    except ValueError as error:
        _errors[type(error).__name__] += 1
    cached(number % 1000)
    square(number % 300)
    view = memoryview(_buffers[number % 8])
    view[number % 4096] = number % 251
    return sum(point.x for point in _points[:10])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--hold-after', type=float, default=None)
    parser.add_argument('--stdin', action='store_true')
    args = parser.parse_args()
    stop = threading.Event()
    if args.stdin:
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    number = 0
    for number in range(5000):
        handle(number)
    sys.stdout.write('phase ready begin\n')
    sys.stdout.flush()
    started = time.monotonic()
    while not stop.is_set():
        if args.hold_after is not None and time.monotonic() - started >= args.hold_after:
            break
        for _ in range(20):
            number += 1
            handle(number)
        time.sleep(0.01)
    sys.stdout.write('phase ready end\n')


if __name__ == '__main__':
    main()
