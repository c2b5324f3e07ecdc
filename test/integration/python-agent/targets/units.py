"""Checks of the agent's parts from inside an interpreter; argv[1] is the folder of the package."""
import array
import collections
import datetime
import decimal
import gc
import io
import json
import mmap
import os
import re
import sys
import threading
import types

sys.path.insert(0, sys.argv[1])
from heaphouse_agent import codec, gcevents, gcnative, memory, naming, sink, sizes, static, websocket, workers  # noqa: E402


class Plain:
    pass


class Slotted:
    __slots__ = ('a', 'b', '__weakref__')


class Listy(list):
    pass


class Error(ValueError):
    pass


def loans_come_back_while_others_are_looked_at():
    """The agent's thread asks when the next loan is due while a thread gives its own back, at any moment."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    workers.Hurry.begin()
    over, wrong = [], []

    def lend():
        while not over:
            workers.Hurry.begin()
            workers.Loan().back()

    def look():
        try:
            for _ in range(60000):
                left = workers.Loan.left_ms()
                assert left is None or left > 0, left
        except Exception as error:
            wrong.append(repr(error))
    thread = threading.Thread(target=lend)
    thread.start()
    look()
    over.append(True)
    thread.join()
    workers.Hurry.end()
    sys.setswitchinterval(usual)
    assert not wrong, wrong
    assert workers.Hurry.users == 0 and workers.Loan.out == [], (workers.Hurry.users, workers.Loan.out)


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


def rows_of(watch):
    return list(gcnative.LAYOUT.iter_unpack(watch.take()[0]))


def the_callback_in_c_counts_what_is_looked_at():
    # Whatever the collector's state is found to be, and where it is not found at all (3.14.0 to 3.14.4 and later ones).
    find = gcnative._find_state
    for found in (find, lambda library: (0, 0, 0)):
        gcnative._find_state = found
        watch = gcevents.GcWatch(lambda: None)
        watch.enable()
        try:
            if watch.ring is None:  # a platform without it
                continue
            kept = None  # what is freed counts against what is made
            gc.collect()
            gc.disable()
            kept = [[i] for i in range(5000)]
            young = len(gc.get_objects(0))
            gc.enable()
            kept.extend([[[i] for i in range(200)]])  # more than the free list has
            everything = rows_of(watch)
            rows = [row for row in everything if row[9] == 0]
            assert len(rows) == 1, (found, everything)
            _, pause, collected, uncollectable, looked_at, _, count, _, _, _ = rows[0]
            assert pause > 0 and count > 5000 and uncollectable == 0, rows
            known = watch.ring.words[gcnative.AT['young']] != 0 or sys.version_info >= (3, 15)
            assert known == (looked_at >= 0), rows
            if watch.ring.words[gcnative.AT['survivors']]:
                # One that is asked for: in a note of Python, with what C has seen.
                kept.append(Plain())
                gc.collect()
                watch_notes = watch.take()[1]
                assert watch_notes[-1][2] == 2 and abs(watch_notes[-1][8] - len(gc.get_objects())) < 50, watch_notes
            assert not known or abs(looked_at - young) < 250, (looked_at, young)
        finally:
            gc.enable()
            watch.remove()
            gcnative._find_state = find


def collections_beyond_the_ring_are_summed():
    watch = gcevents.GcWatch(lambda: None)
    watch.enable()
    thresholds = gc.get_threshold()
    try:
        if watch.ring is None:
            return
        gc.set_threshold(20)
        watch.ring.set('limit', 20)
        before = gc.get_stats()
        while sum(new['collections'] - old['collections'] for new, old in zip(gc.get_stats(), before)) < 3 * gcnative.CAPACITY:
            for _ in range(1000):
                a = []
                a.append(a)
        happened = [new['collections'] - old['collections'] for new, old in zip(gc.get_stats(), before)]
        gc.set_threshold(*thresholds)
        rows = rows_of(watch)
        assert len(rows) == gcnative.CAPACITY, len(rows)
        summed = watch.summaries[0]['generations']
        seen = [sum(1 for row in rows if row[9] == at) + one['collections'] for at, one in enumerate(summed)]
        # Those around the two readings of the total.
        assert all(abs(a - b) < 20 for a, b in zip(seen, happened)), (seen, happened)
        assert summed[0]['collected'] > 0 and summed[0]['meanPauseMs'] > 0, summed
    finally:
        gc.set_threshold(*thresholds)
        watch.remove()


def the_incremental_collector():
    # 3.14.0 to 3.14.4, as they behave: a step is called generation 1 and begins when the young have passed their threshold.
    class Incremental:
        counts = (2001, 5, 0)

        def get_count(self):
            return self.counts

        def get_threshold(self):
            return 2000, 10, 0
    real, version = gcevents.gc, gcnative.sys
    incremental = gcevents.gc = Incremental()
    try:
        watch = gcevents.GcWatch(lambda: None)

        def step(info):
            watch.callback('start', dict(info, collected=0, uncollectable=0))
            watch.callback('stop', info)
            return gcevents.event(watch.events.popleft(), 0.0, watch.limits)
        info = {'generation': 1, 'collected': 7, 'uncollectable': 0}
        event = step(info)
        assert (event['generation'], event['trigger'], event['collected']) == (1, 'allocation', 7), event
        assert event['counts'] == [2001, 5, 0] and event['thresholds'] == [2000, 10, 0], event
        incremental.counts = (12, 0, 0)
        event = step(dict(info, generation=2))
        assert event['trigger'] == 'explicit' and event['triggerAt'].rpartition(':')[0].endswith('units.py'), event
        gcnative.sys = types.SimpleNamespace(version_info=(3, 14, 2, 'final', 0))
        assert gcnative._find_state(None) == (0, 0, 0)
    finally:
        gcevents.gc, gcnative.sys = real, version


for check in (sizes_equal_getsizeof, a_full_disk_is_an_error, chunks_are_cut, json_both_ways,
              frames_in_pieces, key_previews, allocator_text, the_callback_in_c_counts_what_is_looked_at,
              collections_beyond_the_ring_are_summed, the_incremental_collector,
              loans_come_back_while_others_are_looked_at):
    check()
    print('ok', check.__name__)
