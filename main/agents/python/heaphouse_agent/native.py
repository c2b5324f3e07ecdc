"""The native walker (native/heapwalk.c): finding it, checking it against this interpreter, and
handing it the roots. Whatever does not fit ends in a reason, and the pure Python way is taken.
"""
from . import cfuncs, internals, own, probes
from .codec import decode, encode, quote
from .compat import LINUX, array, deque, gc, gil_enabled, os, select, sys, time
from .naming import Names
from .static import Builtin, Function, MethodDescriptor, Module

import _weakref

ABI = 4
OLDEST, NEWEST = (3, 8), (3, 15)
WALL = 0x40000000  # __WALL: also children without an exit signal
CHECK_SECONDS = 10.0

# G_* in native/state.h.
SLOTS = {name: number for number, name in enumerate((
    'layout', 'types', 'strings', 'first', 'synthetic', 'edges', 'counts', 'frames', 'marks',
    'seeds', 'held', 'granules', 'head', 'middle', 'tail', 'file', 'pipe', 'probes', 'witness',
    'start', 'estimate', 'keep', 'sized', 'places', 'sites', 'sitesKind'))}

# Modules whose C types may be asked for their size: they only add up fields.
SIZED = ('_asyncio', '_collections', '_decimal', '_elementtree', '_functools', '_hashlib', '_io',
         '_pickle', '_queue', '_random', '_sre', '_ssl', '_struct', '_thread', '_weakref', 'array',
         'ast', 'asyncio', 'collections', 'datetime', 'decimal', 'functools', 'io', 'itertools',
         'mmap', 'numpy', 'operator', 'pickle', 'pyexpat', 're', 'select', 'socket', 'sqlite3',
         'ssl', 'struct', 'weakref', 'xml', 'zlib', 'zoneinfo', 'types', 'typing', 'contextvars')


class State(object):
    library = None  # the loaded walker
    users = 0  # threads that are inside it
    leaving = False  # the last of them takes it out
    checked = False
    reason = None  # why there is none
    layout = None
    functions = None


def path():
    # type: () -> str
    """Where the build puts the walker for this kind of machine."""
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine, '?')
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(folder, 'native', 'bin', '%s-%s' % (sys.platform, machine), 'heapwalk.so')


def objection():
    # type: () -> str
    """Why the walker cannot be tried here, or None. Loads nothing."""
    if State.reason is not None:
        return State.reason
    if State.library is not None:
        return None
    if not LINUX:
        return 'the native walker is built for Linux only'
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return 'the native walker does not know CPython %d.%d' % sys.version_info[:2]
    if not gil_enabled() or hasattr(sys, 'abiflags') and 't' in sys.abiflags:
        return 'the native walker does not know free-threaded interpreters'
    if 'd' in getattr(sys, 'abiflags', '') or hasattr(sys, 'gettotalrefcount'):
        return 'the native walker does not know debug builds'
    if sys.maxsize != (1 << 63) - 1 or sys.byteorder != 'little':
        return 'the native walker is built for 64-bit machines'
    if not cfuncs.available:
        return 'this Python was built without _ctypes'
    if not os.path.exists(path()):
        return 'the native walker has not been built for this machine'
    if not os.access(path(), os.R_OK):
        return 'the native walker cannot be read by the user of this process'
    return None


def ready():
    # type: () -> str
    """None when the walker can be used; otherwise the reason. Loads and checks at first call."""
    if not State.checked and State.reason is None:
        State.reason = objection()
        if State.reason is None:
            try:
                _load()
                _check()
                State.checked = True
            except probes.Mismatch as mismatch:
                give_up('the native walker does not fit this interpreter: %s' % mismatch)
            except Exception as error:
                give_up('the native walker cannot be used: %s' % error)
    return State.reason


def give_up(reason):
    """Never again in this process."""
    State.reason = reason
    State.checked = False


def unload():
    """Takes the library out of the process, or lets the last thread in it do so."""
    if State.users:
        State.leaving = True
        return
    State.leaving = False
    forget()
    library, State.library, State.functions = State.library, None, None
    State.checked, State.reason = False, None
    if library is not None:
        cfuncs.close(library)


def _load():
    if State.library is not None:
        return
    library = cfuncs.open_library(path())
    functions = {}
    for name, kind in (('hh_abi', 'long+gil'), ('hh_set', 'void+gil'), ('hh_clone', 'long+gil'),
                       ('hh_copy', 'long+gil'),
                       ('hh_walk', 'long+gil'), ('hh_write', 'long'), ('hh_cancel', 'void+gil'),
                       ('hh_drop', 'void+gil')):
        functions[name] = cfuncs.function(library, name, kind)
        if functions[name] is None:
            cfuncs.close(library)
            raise probes.Mismatch('%s is missing' % name)
    if call(functions['hh_abi']) & 0xFFFFFFFF != ABI:
        cfuncs.close(library)
        raise probes.Mismatch('it is of another version')
    State.library, State.functions = library, functions


def call(function):
    found = function()
    return getattr(found, 'value', found)


def put(slot, value, count=None):
    """Hands over a block of memory, which the caller keeps, or a number."""
    if type(value) is int:
        cfuncs.set_slot(State.functions['hh_set'], SLOTS[slot], 0, value)
        return
    size = count if count is not None else len(value)
    cfuncs.set_slot(State.functions['hh_set'], SLOTS[slot], cfuncs.address_of(value), size)


def _read(address, size):
    return array('Q', cfuncs.text_at(cfuncs.handle(), address, size // 8 * 8))


def _types():
    known = [object, type, str, int, float, complex, bool, bytes, bytearray, list, tuple, dict, set,
             frozenset, deque, Function, Builtin, internals.Method, internals.Code, internals.Cell,
             internals.Frame, Module, _weakref.ref, _weakref.ProxyType, _weakref.CallableProxyType,
             internals.Generator, internals.Coroutine, internals.AsyncGenerator, slice, range,
             MethodDescriptor, None]
    found = probes.array_class(_read, lambda at, n: cfuncs.text_at(cfuncs.handle(), at, n))
    return array('Q', [id(one) for one in known] + [id(found) if found is not None else 0])


def _layout_words(layout):
    return array('q', [layout[name] for name in probes.FIELDS])


def _variables(witness):
    # type: (str) -> array
    """The address of an interned string, then begin and end of each piece of memory in which the
    interpreter keeps its variables: data of the file `dict` is in, and what follows it at once."""
    found = array('Q', [id(witness)])
    try:
        with open('/proc/self/maps', 'rb') as file:
            lines = file.read().decode('utf-8', 'replace').splitlines()
    except OSError:
        return found
    entries = []
    for line in lines:
        parts = line.split(None, 5)
        begin, _, end = parts[0].partition('-')
        entries.append((int(begin, 16), int(end, 16), parts[1], parts[5] if len(parts) > 5 else ''))
    file = [e[3] for e in entries if e[0] <= id(dict) < e[1]]
    last = None
    for begin, end, access, name in entries:
        if access[:2] == 'rw' and (file and name and name == file[0] or not name and begin == last):
            found.extend((begin, end))
            last = end
        elif name and file and name == file[0]:
            last = end
        else:
            last = None
    return found


def interned_objection():
    # type: () -> str
    """Why the table of interned strings is not shown, or None."""
    if State.layout is None:
        return State.reason  # not looked for yet: the first snapshot does
    return None if State.layout['interned'] > 0 else 'the table of interned strings was not found'


def _empty():
    """Blocks for a run that has no roots."""
    for slot in SLOTS:
        put(slot, 0)
    put('file', -1)
    put('strings', b'""\0', 1)


def _check():
    """A copy of the process describes known objects; offsets that do not fit kill only the copy."""
    layout = probes.calibrate(_read)
    words, types = _layout_words(layout), _types()
    sized = b'\0'.join([name.encode('ascii') for name in SIZED]) + b'\0\0'
    places = _variables(_check.__name__)
    found, keep = probes.known()
    fresh = [keep]
    witness = [fresh, sys.modules, sys.__dict__, probes.Plain, _check]
    objects = array('Q', [id(entry[0]) for entry in found])
    witnesses = array('Q', [id(o) for o in witness])
    _empty()
    put('layout', words)
    put('types', types)
    put('sized', sized)
    put('probes', objects)
    put('witness', witnesses)
    put('places', places)
    young = len(gc.get_objects(generation=0))
    frozen = gc.get_freeze_count()
    told = decode(_ask())
    still = gc.get_freeze_count()  # the program runs meanwhile and may drop some of them
    if not told['heads'] or told['witnesses'] != len(witness):
        raise probes.Mismatch('the lists of the collector are elsewhere')
    if abs(told['rings'][0] - young) > 5000:
        raise probes.Mismatch('the youngest generation has another length')
    try:
        probes.compare(found, told['objects'])
    finally:
        del found[:], keep[:]  # a frame among them: no cycle is to be left behind
    layout['gcHeads'] = told['heads']
    fits = min(frozen, still) <= told['rings'][3] <= max(frozen, still)
    layout['gcFrozen'] = told['frozen'] if fits and told['frozen'] else -1
    if not fits and still:
        raise probes.Mismatch('the frozen objects are elsewhere')
    layout['interned'] = told['interned'] or -1
    State.layout = layout


def _ask():
    """Text of the answer of a checking copy."""
    read_fd, write_fd = os.pipe()
    try:
        put('pipe', write_fd)
        pid = cfuncs.call_long(State.functions['hh_clone'], 1)
        os.close(write_fd)
        write_fd = None
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        parts, deadline = [], time.time() + CHECK_SECONDS
        poll = select.poll()
        poll.register(read_fd, select.POLLIN)
        while True:
            if not poll.poll(max(0, int((deadline - time.time()) * 1000))):
                os.kill(pid, 9)
                break
            data = os.read(read_fd, 1 << 16)
            if not data:
                break
            parts.append(data)
        status = reap(pid)
    finally:
        os.close(read_fd)
        if write_fd is not None:
            os.close(write_fd)
    data = b''.join(parts)
    if status != 0 or data[:1] != b'R' or len(data) != 5 + int.from_bytes(data[1:5], 'big'):
        raise probes.Mismatch('the checking copy ended with %s' % describe_status(status))
    return data[5:].decode('ascii')


def reap(pid):
    # type: (int) -> int
    """Waits for a copy of ours; its status, or -1 when nobody knows."""
    try:
        return os.waitpid(pid, WALL)[1]
    except OSError:
        return -1


def describe_status(status):
    # type: (int) -> str
    if status < 0:
        return 'an unknown status'
    if os.WIFSIGNALED(status):
        return 'signal %d' % os.WTERMSIG(status)
    return 'status %d' % (status >> 8)


class Recorder(object):
    """Takes the place of walk.Sink while the roots are laid: notes what C has to enter."""
    stride = 1

    def __init__(self, first, marks):
        self.base = first
        self.own = marks
        self.names = Names()
        self.index = {}
        self.objects = []

    def enter(self, child):
        address = id(child)
        target = self.index.get(address)
        if target is None and address not in self.own:
            target = self.index[address] = self.base + len(self.objects)
            self.objects.append(address)
        return target


class Hand(object):
    """The blocks of one run; they stay until the run is over."""

    def __init__(self, plan, snapshot_text, pipe_fd, file_fd):
        # type: (dict, str, int, int) -> None
        roots = plan['roots']
        recorder = Recorder(roots.count(), plan['marks'])
        nodes = roots.lay(recorder)
        titles = [recorder.names.whole(title[:300]) for title, _ in nodes]
        texts = recorder.names.table
        edges, counts, frames = array('I'), array('I'), array('Q')
        for _, found in nodes:
            counts.append(len(found))
            for edge in found:
                edges.extend(edge)
        counts.extend(titles)
        for address, place in recorder.index.items():
            if place < recorder.base:
                frames.extend((address, place))
        held = array('Q')
        for address, count in roots.held().items():
            held.extend((address, count))
        head, middle, tail = _cut(snapshot_text)
        blocks = sys.getallocatedblocks()
        self.kept = {
            'layout': (_layout_words(State.layout), None), 'types': (_types(), None),
            'sized': (b'\0'.join([n.encode('ascii') for n in SIZED]) + b'\0\0', None),
            'strings': (b''.join([quote(t).encode('ascii') + b'\0' for t in texts]), len(texts)),
            'first': (array('Q', recorder.objects), None),
            'edges': (edges, None), 'counts': (counts, None),
            'frames': (frames, len(frames) // 2), 'held': (held, len(held) // 2),
            'marks': (array('Q', plan['marks']), None),
            'granules': (array('Q', plan['granules']), None),
            'head': (head, None), 'middle': (middle, None), 'tail': (tail, None),
        }
        self.seeds = array('Q')
        _empty()
        for slot, (block, count) in self.kept.items():
            put(slot, block, count)
        put('synthetic', recorder.base)
        put('estimate', blocks - blocks // 8)
        put('pipe', pipe_fd)
        put('file', -1 if file_fd is None else file_fd)
        finder, kind = plan['sites']  # see recording.py
        put('sites', finder)
        put('sitesKind', kind)

    def sow(self, found):
        """Last of all: what is ours, in the frames as they are now. `found`: own.seeds()."""
        seeds = self.seeds
        seeds.extend(map(id, found))
        seeds.append(id(found))
        frames, here = sys._current_frames(), sys._getframe()  # this one is gone by then
        for ident in list(frames):
            if ident in own.threads:
                frame = frames[ident]
                while frame is not None:
                    if frame is not here:  # `found` holds them
                        seeds.append(id(frame))
                        if sys.version_info < (3, 13):
                            seeds.append(id(frame.f_locals))
                    frame = frame.f_back
        del frames, here, frame  # they refer to this very frame
        put('seeds', seeds)


def _cut(text):
    """The head of the file in three: the counts and two facts only C knows come in between."""
    first, _, rest = text.partition('"@counts"')
    second, _, third = rest.partition('"idsUnique":true')
    return (first.encode('ascii'), (second + '"idsUnique":').encode('ascii'),
            third[1:].encode('ascii'))  # C closes `limits`


def head_of(meta, header):
    # type: (dict, dict) -> str
    """The text of the file up to its nodes. The header's pauseMs is added by C."""
    limits = dict(header['limits'])
    del limits['idsUnique']
    header = dict(header)
    del header['limits']
    if header.get('allocations', {}).get('by') == 'sampling' and 'missing' not in header['allocations']:
        meta = dict(meta, node_fields=meta['node_fields'] + ['sample_weight'],
                    node_types=meta['node_types'] + ['number'])
    text = encode({'meta': meta, 'heaphouse': header})
    assert text.endswith('}}')
    return ('{"snapshot":{"node_count":"@counts"' + ',' + text[1:-2] + ',"limits":'
            + encode(limits)[:-1] + ',"idsUnique":true}' + '}}')


def clone():
    # type: () -> int
    """Makes the walking copy: its pid, or a negative errno."""
    # No arguments: their tuple would be in the picture.
    return call(State.functions['hh_copy'])


def walk():
    """In the living process, holding the interpreter's lock: an errno."""
    return call(State.functions['hh_walk'])


def write():
    """After walk(), without the lock: an errno."""
    return call(State.functions['hh_write'])


def cancel():
    if State.functions is not None:
        State.functions['hh_cancel']()


def forget():
    """After a run: nothing in C points at blocks of ours any more."""
    if State.functions is not None:
        State.functions['hh_drop']()
        _empty()


def settle(seconds):
    """Waits until no thread is inside, at most so long."""
    deadline = time.time() + seconds
    while State.users and time.time() < deadline:
        time.sleep(0.005)


def enter():
    State.users += 1


def leave():
    forget()
    State.users -= 1
    if State.leaving and not State.users:
        unload()

