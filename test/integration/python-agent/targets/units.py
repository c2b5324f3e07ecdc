"""Checks of the agent's parts from inside an interpreter; argv[1] is the folder of the package."""
import array
import collections
import datetime
import decimal
import io
import json
import mmap
import os
import re
import sys
import types

sys.path.insert(0, sys.argv[1])
from heaphouse_agent import codec, memory, naming, sink, sizes, static, websocket  # noqa: E402


class Plain:
    pass


class Slotted:
    __slots__ = ('a', 'b', '__weakref__')


class Listy(list):
    pass


class Error(ValueError):
    pass


def sizes_equal_getsizeof():
    plain = Plain()
    plain.x = 1
    objects = [
        0, 1, 10 ** 50, True, None, 1.5, 2j, '', 'ascii', '\xe9', '\u4e2d', '\U0001f600' * 9, b'', b'x' * 99,
        (), (1, 2), [], list(range(100)), {}, {1: 2}, dict.fromkeys(range(1000)), set(range(50)),
        frozenset([1]), bytearray(1000), array.array('d', [1] * 50), range(5), slice(1), memoryview(b'x'),
        plain, Plain, Slotted(), Listy([1, 2]), Error('x'), len, static.class_name,
        static.class_name.__code__, (lambda: plain).__closure__[0], types, iter([]), iter({}),
        (n for n in ()), collections.OrderedDict(a=1), collections.defaultdict(int, a=1),
        collections.deque(range(500)), collections.Counter('abc'), collections.namedtuple('P', 'x')(1),
        datetime.datetime.now(), decimal.Decimal('1.5'), re.compile('x'), io.BytesIO(b'x' * 5000),
        type, object, int, object(), property(), staticmethod(len), types.SimpleNamespace(a=1),
        types.MappingProxyType({}), sys._getframe(), NotImplemented, Ellipsis, [].append, str.join,
    ]
    for o in objects:
        found = sizes.sizer(type(o))(o)
        assert found == sys.getsizeof(o), (type(o), found, sys.getsizeof(o))
    assert sizes.sizer(mmap.mmap)(mmap.mmap(-1, 8192)) >= 8192

    class Lying(dict):
        __slots__ = ()

        def __sizeof__(self):
            raise RuntimeError('user code')

    class Honest(dict):
        __slots__ = ()
    assert sizes.sizer(Lying)(Lying()) == sys.getsizeof(Honest()) - dict.__sizeof__(Honest()) + object.__sizeof__(Honest())


def a_full_disk_is_an_error():
    out = sink.FileSink(os.open('/dev/full', os.O_WRONLY))
    try:
        out.write(b'x' * (2 << 20))
    except OSError as error:
        assert error.errno == 28, error
    else:
        raise AssertionError('no error')


def chunks_are_cut():
    got = []
    out = sink.ChunkSink(got.append)
    for part in (b'a' * 10, b'b' * 300000, b'c'):
        out.write(part)
    out.flush()
    assert ''.join(got) == 'a' * 10 + 'b' * 300000 + 'c'
    assert [len(g) for g in got] == [102400, 102400, 95211]


def json_both_ways():
    value = {'a': [1, -2.5, None, True, 'q"\\\u2028\ud800'], 'b': {}}
    assert codec.decode(codec.encode(value)) == value
    for text in ('{}', '[]', ' [ 1 , -0.5e+2 ,"\\ud83d\\ude00\\n" ] ', '{"a":{"b":[null,true]}}', '"x"', '-7'):
        assert codec.decode(text) == json.loads(text), text
    for bad in ('-', '01', '1.', '1e', '{"a" 1}', '{1:2}', '"\\x"', '"\\u12g4"', '[1 2]', '[,1]', ']', '', '{', '[1,]', '1 2', 'nul', '{"a":NaN}', '[' * 100000, '"\x01"'):
        try:
            codec.decode(bad)
        except ValueError:
            continue
        raise AssertionError(bad)


def frames_in_pieces():
    def masked(payload, first=0x81):
        key = b'\x01\x02\x03\x04'
        size = len(payload)
        head = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0xfe]) + size.to_bytes(2, 'big')
        return head + key + websocket.unmask(payload, key)
    stream = masked(b'one') + masked(b'tw', 0x01) + masked(b'ping', 0x89) + masked(b'o' * 300, 0x80)
    decoder, got = websocket.Decoder(), []
    for at in range(len(stream)):
        got += decoder.feed(stream[at:at + 1])
    assert got == [(1, b'one'), (9, b'ping'), (1, b'tw' + b'o' * 300)], got


def key_previews():
    assert naming.edge_key(42) == '[42]'
    assert naming.edge_key((1, 'a', b'b')) == "[(1, 'a', b'b')]"
    assert naming.edge_key(10 ** 5000) == '[int of 16610 bits]'
    assert naming.edge_key(Plain()) == '[<__main__.Plain>]'
    assert naming.edge_key(Plain) == '[<class __main__.Plain>]'
    assert len(naming.edge_key('x' * 1000)) < 80
    assert len(naming.edge_key(((('y' * 900,) * 9,) * 9,) * 9)) < 400


def allocator_text():
    text = '\n'.join([
        '4 arenas * 1048576 bytes/arena     =            4,194,304',
        '# bytes in allocated blocks        =            3,649,328',
        '# arenas allocated current         =                    4'])
    assert memory.parse_stats(text) == (3649328, 4194304)
    assert memory.parse_stats('nothing') == (None, None)


for check in (sizes_equal_getsizeof, a_full_disk_is_an_error, chunks_are_cut, json_both_ways,
              frames_in_pieces, key_previews, allocator_text):
    check()
    print('ok', check.__name__)
