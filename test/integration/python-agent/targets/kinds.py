"""Objects of many kinds with the sizes the interpreter gives them."""
import array
import ast
import collections
import contextvars
import datetime
import decimal
import functools
import io
import itertools
import json
import mmap
import os
import random
import re
import struct
import sys
import threading
import types
import weakref


class Plain:
    pass


class Text(str):
    pass


class Number(int):
    pass


class Items(list):
    __slots__ = ('extra',)


class Pair(tuple):
    pass


class Failure(ValueError):
    def __init__(self, *args):
        ValueError.__init__(self, *args)
        self.more = [1]


class SizedInPython(dict):
    __slots__ = ()

    def __sizeof__(self):
        raise RuntimeError('user code')


def closed(value):
    return lambda: value


def finished():
    return sys._getframe()


def generator():
    yield 1


with_utf8 = 'caf\xe9' * 30
open('/dev/null', 'w').write(with_utf8)
os.path.exists(with_utf8)
plain = Plain()
plain.attribute = 1
gen = generator()
next(gen)
kinds = [
    0, -1, 2 ** 29, 2 ** 30, 10 ** 50, -10 ** 50, True, None, 1.5, 2j, Ellipsis, NotImplemented,
    '', 'ascii', '\xe9', '\u4e2d', '\U0001f600' * 9, with_utf8, Text('text'), Text('t\xe9xt'), b'', b'x' * 99,
    bytearray(1000), Number(5), Number(10 ** 40), (), (1, 2), Pair((1, 2, 3)), [], list(range(100)), Items([1, 2]),
    {}, {1: 2}, dict.fromkeys(range(1000)), {'a': 1, 'b': 2}, set(), set(range(50)), frozenset([1]), plain, Plain,
    Failure('x', 2), ValueError('y'), OSError(2, 'no', 'file'), len, [].append, str.join, generator, generator.__code__,
    gen, closed(plain).__closure__[0], sys, types, iter([]), iter({}), iter('x'), range(5), slice(1, 2), memoryview(b'abc'),
    collections.OrderedDict(a=1), collections.defaultdict(int, a=1), collections.deque(range(500)), collections.Counter('abc'),
    collections.namedtuple('P', 'x')(1), collections.ChainMap({}), datetime.datetime.now(), datetime.timedelta(1),
    datetime.datetime.now(datetime.timezone.utc), decimal.Decimal('1.5'), decimal.Decimal(10 ** 400), re.compile('x(y)*'),
    re.match('x', 'x'), io.BytesIO(b'x' * 5000), io.StringIO('text'), io.BufferedReader(io.BytesIO(b'x')), array.array('d', [1] * 50),
    array.array('h', [1]), struct.Struct('<IIQ'), functools.partial(len), functools.lru_cache()(generator), itertools.count(3),
    itertools.chain([1], [2]), random.Random(1), threading.Lock(), threading.RLock(), threading.Event(), threading.local(),
    weakref.ref(plain), weakref.proxy(plain), weakref.WeakValueDictionary(), type, object, int, object(), property(),
    staticmethod(len), classmethod(len), types.SimpleNamespace(a=1), types.MappingProxyType({}), finished(), json.JSONDecoder(),
    ast.parse('x = 1'), contextvars.ContextVar('v'), contextvars.copy_context(), sys.stdout, sys.flags, sys.float_info,
    Plain().__init__, dict.__dict__['fromkeys'], int.__add__, object.__subclasshook__, super(Plain, plain), zip(), map(len, []),
    enumerate([]), reversed([1]), os.stat('/'), os.environ, iter(()), sys.__class__, {}.keys(), {}.items(),
]
mapped = mmap.mmap(-1, 8192)
lying = SizedInPython()
honest = collections.OrderedDict()
sizes = [sys.getsizeof(o) for o in kinds]
print('sizes:' + ','.join(map(str, sizes)) + ';', flush=True)
print('names:' + ','.join(type(o).__name__ for o in kinds) + ';', flush=True)
print('ready', flush=True)
sys.stdin.readline()
