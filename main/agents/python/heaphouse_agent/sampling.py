"""Allocation sampling: which lines allocated what is still alive (native/sampler.c). Recording every
allocation (recording.py) is done by the same library.

The library is loaded at the first use, checked against this interpreter on stacks that are known,
and stays mapped afterwards: another tool may have kept a pointer to it. Nothing of the program is
changed but the two tables of allocators, and those only between start and stop.
"""
from . import cfuncs, memory, workers
from .compat import LINUX, array, gil_enabled, os, sys

ABI = 2
OLDEST, NEWEST = (3, 8), (3, 15)
DEFAULT_INTERVAL = 32768  # bytes, as V8
MIN_INTERVAL, MAX_INTERVAL = 64, 1 << 30
DEFAULT_DEPTH, MAX_DEPTH = 128, 256
NODE_WORDS, ENTRY_WORDS = 7, 4
DEEPER, NO_PYTHON = 1, 2  # lines of nodes without code, see native/sampler.c
TITLES = {DEEPER: '(outer frames left out)', NO_PYTHON: '(no Python code)'}

# Where a thread state has its C frame (3.11, 3.12), and a frame whose it is: fixed in a release.
C_FRAME, C_FRAME_CURRENT = 56, {(3, 11): 8, (3, 12): 0}
OWNER_312, LAST_OWNER = 70, 2  # beyond: frames of C
LASTI_UNIT = 2 if sys.version_info[:2] == (3, 10) else 1  # bytes a step of f_lasti in C


class Unfit(Exception):
    """The sampler cannot be used here; the text says why."""


class State(object):
    library = None
    functions = None
    reason = None
    session = None  # whose sampling runs
    recorder = None  # whose recording runs, see recording.py
    collected = False  # the running profile includes what was freed


def path():
    # type: () -> str
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine, '?')
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(folder, 'native', 'bin', '%s-%s' % (sys.platform, machine), 'sampler.so')


def objection():
    # type: () -> str
    """Why sampling cannot be tried here, or None. Loads nothing."""
    if State.reason is not None:
        return State.reason
    if not LINUX:
        return 'the allocation sampler is built for Linux only'
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return 'the allocation sampler does not know CPython %d.%d' % sys.version_info[:2]
    if not gil_enabled() or 't' in getattr(sys, 'abiflags', ''):
        return 'the allocation sampler does not know free-threaded interpreters'
    if hasattr(sys, 'gettotalrefcount'):
        return 'the allocation sampler does not know debug builds'
    if sys.maxsize != (1 << 63) - 1 or sys.byteorder != 'little':
        return 'the allocation sampler is built for 64-bit machines'
    if not cfuncs.available:
        return 'this Python was built without _ctypes'
    if not os.access(path(), os.R_OK):
        return 'the allocation sampler has not been built for this machine, or cannot be read'
    return None


def ready():
    # type: () -> str
    """None when sampling can start; otherwise the reason. Loads and checks at the first call."""
    if State.functions is None and State.reason is None:
        State.reason = objection()
        if State.reason is None:
            try:
                _load()
            except Unfit as unfit:
                State.reason = 'the allocation sampler does not fit this interpreter: %s' % unfit
            except Exception as error:
                State.reason = 'the allocation sampler cannot be used: %s' % error
    return State.reason


def _load():
    library = cfuncs.open_library(path())
    functions = {}
    for name, kind in (('hs_abi', 'long+gil'), ('hs_setup', 'long+gil'),
                       ('hs_thread', 'void+gil'), ('hs_probe', 'long+gil'),
                       ('hs_start', 'long+gil'), ('hs_stop', 'long+gil'),
                       ('hs_counts', 'void+gil'), ('hs_export', 'long+gil'),
                       ('hs_clear', 'void+gil'), ('hs_forked', 'void+gil'),
                       ('hs_record', 'long+gil'), ('hs_end_record', 'long+gil'),
                       ('hs_sites', 'void+gil'),
                       ('hs_around', 'void+gil')):
        functions[name] = cfuncs.function(library, name, kind)
        if functions[name] is None:
            raise Unfit('%s is missing' % name)
    if _number(functions['hs_abi']()) & 0xFFFFFFFF != ABI:
        raise Unfit('it is of another version')
    _check(functions)
    State.library, State.functions = library, functions


def _number(found):
    return getattr(found, 'value', found) or 0


def _give(function, block):
    """Calls a C function with the address of a block of words."""
    return _number(function(cfuncs.pointer(block.buffer_info()[0])))


def _words(address, count):
    return array('Q', cfuncs.text_at(cfuncs.handle(), address, 8 * count))


def _place(words, fits, what):
    found = [at for at in range(len(words)) if fits(words[at])]
    if len(found) != 1:
        raise Unfit('%s found in %d places' % (what, len(found)))
    return found[0] * 8


def _inner(frame):
    """What the interpreter itself calls a frame."""
    return id(frame) if sys.version_info < (3, 11) else _words(id(frame) + 24, 1)[0]


def _offsets(functions):
    """The words of `O` in native/sampler.c, found on frames that are known: by comparing words,
    never by following them."""
    frame = sys._getframe()
    code, caller = frame.f_code, frame.f_back
    inner, outer = _inner(frame), _inner(caller)
    version = sys.version_info[:2]
    has_c_frame = version in C_FRAME_CURRENT
    words = array('Q', bytes(27 * 8))
    words[0] = C_FRAME if has_c_frame else 0
    place = cfuncs.pointer(words.buffer_info()[0])
    functions['hs_thread'](place)  # called here: the running frame is to be this one
    main = cfuncs.function(cfuncs.handle(), 'PyInterpreterState_Main', 'pointer+gil')
    if not words[0] or main is None:
        raise Unfit('no thread state')
    interpreter = _number(main())
    if words[3] != interpreter:
        raise Unfit('the agent runs in another interpreter than the main one')
    start = type(code).__basicsize__
    hop = owner = instruction = lasti = -1
    if has_c_frame:
        at, hop = C_FRAME, C_FRAME_CURRENT[version]
        if words[25 + hop // 8] != inner:
            raise Unfit('the running frame is elsewhere')
        if version == (3, 12):
            owner = OWNER_312
    else:
        at = _place(words[1:25], lambda word: word == inner, 'the running frame')
    words = _words(inner, 9)
    code_at = _place(words, lambda word: word & ~3 == id(code), 'the code of a frame')
    back_at = _place(words, lambda word: word == outer, 'the caller of a frame')
    if sys.version_info >= (3, 11):
        first = id(code) + start
        size = len(code.co_code)
        instruction = _place(words, lambda word: first <= word < first + size,
                             'the instruction of a frame')
    else:
        lasti = _lasti(caller)
    del frame, caller  # they refer to this very frame
    return array('q', [interpreter, at, hop, code_at, back_at, instruction, owner, LAST_OWNER,
                       start, id(type(code)), id(workers._body.__code__), lasti,
                       LASTI_UNIT, version[0] * 100 + version[1]])


def _lasti(frame):
    """Where frames up to 3.10 have their last instruction: the same in all that wait for a call."""
    size = type(frame).__basicsize__
    found = None
    while frame is not None:
        words = array('i', cfuncs.text_at(cfuncs.handle(), id(frame), size // 8 * 8))
        wanted = frame.f_lasti // LASTI_UNIT
        here = set([at for at in range(6, len(words)) if words[at] == wanted])
        found = here if found is None else found & here
        frame = frame.f_back
    if not found or len(found) != 1:
        raise Unfit('the last instruction of a frame is elsewhere')
    return found.pop() * 4


def _known(functions):
    """([(code, line)] as C sees this stack, the same as Python sees it), innermost first."""
    found = array('Q', bytes(32 * 8))
    frame, probe = sys._getframe(), functions['hs_probe']
    place = cfuncs.pointer(found.buffer_info()[0])
    seen, line = _number(probe(place)), frame.f_lineno
    there = [(found[2 * i], found[2 * i + 1]) for i in range(seen)]
    here = [(id(frame.f_code), line)]
    frame = frame.f_back
    while frame is not None and len(here) < len(there):
        here.append((id(frame.f_code), frame.f_lineno or 0))
        frame = frame.f_back
    return there, here, frame is None


def _check(functions):
    """Offsets for a stack that goes through C and a generator, compared with the real one."""
    words = _offsets(functions)
    failed = _give(functions['hs_setup'], words)
    if failed == 4:
        return  # it is sampling already: the same library, checked by an agent before
    if failed:
        raise Unfit('the interpreter lacks something (%d)' % failed)

    def steps():
        yield max([0], key=lambda _: results.append(_known(functions)) or 0)
    results = []
    for _ in steps():
        pass
    there, here, _ = results[0]
    if len(there) < 4 or there != here:
        raise Unfit('stacks differ')


def around(address, argument):
    """Calls a C function of one pointer as if nothing of ours were installed."""
    State.functions['hs_around'](cfuncs.pointer(address), cfuncs.pointer(argument))


def running():
    # type: () -> bool
    return State.session is not None


def start(session, interval, depth):
    # type: (object, int, int) -> None
    """Begins; ValueError says why not."""
    reason = ready()
    if reason is not None:
        raise ValueError(reason)
    options = array('Q', [interval, depth, int.from_bytes(os.urandom(7), 'big')])
    failed = _give(State.functions['hs_start'], options)
    if failed:
        raise ValueError('the allocation sampler did not start: ' + os.strerror(failed))
    State.session = session
    State.collected = False
    stand_in_front(True)


def stand_in_front(wanted):
    """Figures of the allocators are read around us while we are in front of them."""
    memory.Meter.around = staticmethod(around) if wanted else None


def stop():
    """Ends; what was sampled stays until `clear`."""
    if State.session is not None:
        State.session = None
        State.functions['hs_stop']()
        stand_in_front(State.recorder is not None)


def clear():
    if State.functions is not None:
        State.functions['hs_clear']()  # what has ended; the rest goes on


def leave():
    """No sampling runs any more."""
    stop()
    clear()


def forked():
    """In a child of the program: its allocators as they were."""
    if State.functions is not None:
        State.functions['hs_forked']()
        leave()


def figures():
    # type: () -> array
    """What the library counts, see hs_counts."""
    block = array('Q', bytes(8 * 14))
    _give(State.functions['hs_counts'], block)
    return block


def counts():
    # type: () -> dict
    block = figures()
    return {'samplingInterval': block[6], 'samples': block[3], 'lastOrdinal': block[4],
            'dropped': block[5], 'interrupted': not block[1],
            'allocatedBytes': round(array('d', block[7:8].tobytes())[0])}


class Taken(object):
    """A copy of what was sampled; holds the code objects it speaks of."""

    def __init__(self, interval_since=0):
        block = figures()
        nodes = array('Q', bytes(8 * NODE_WORDS * (block[2] + 64)))
        entries = array('Q', bytes(8 * ENTRY_WORDS * (block[3] + 256)))
        request = array('Q', [nodes.buffer_info()[0], block[2] + 64,
                              entries.buffer_info()[0], block[3] + 256, interval_since])
        if _give(State.functions['hs_export'], request):
            raise ValueError('the tables of the allocation sampler are in use')
        self.count, self.samples = request[1], request[3]
        self.entries = array('Q', entries[:self.samples * ENTRY_WORDS])
        self.parents = nodes[0:self.count * NODE_WORDS:NODE_WORDS]
        self.lines = nodes[1:self.count * NODE_WORDS:NODE_WORDS]
        places = nodes[2:self.count * NODE_WORDS:NODE_WORDS]
        floats = array('d', nodes[:self.count * NODE_WORDS].tobytes())
        self.live_bytes, self.live_count, self.total_bytes, self.total_count = [
            floats[at:self.count * NODE_WORDS:NODE_WORDS] for at in (3, 4, 5, 6)]
        known = {}
        held = cfuncs._ctypes.PyObj_FromPtr
        self.codes = []
        for place in places:
            code = None
            if place:
                code = known.get(place)
                if code is None:
                    code = known[place] = held(place)
            self.codes.append(code)


__all__ = ['around', 'clear', 'counts', 'forked', 'leave', 'objection', 'ready', 'running', 'start',
           'stop', 'Taken']
