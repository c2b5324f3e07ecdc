"""The last step of leaving: the agent's modules, emptied, so that they are freed without the collector.

Modules, functions and classes hold each other in circles. A program whose collector is off, or rarely
gets to its oldest generation, would keep a megabyte of ours for good after each detach. Classes, which
hold themselves, are taken apart in C (native/undo.c).
"""
from . import cfuncs, linetrace, own, workers
from .compat import LINUX, _thread, array, gil_enabled, os, sys
from .static import class_name, type_mro

ABI = 1
OLDEST, NEWEST = (3, 8), (3, 15)

DEPTH = 3000  # frames of a thread that are looked at; a deeper one might be in our code for all we know


def _busy(namespaces):
    # type: (list) -> bool
    """Whether a frame other than those of this thread runs code of ours: a callback that was on its
    way when it was taken out, in a thread of the program."""
    own_ids = set([id(namespace) for namespace in namespaces])
    here = _thread.get_ident()
    for ident, frame in sys._current_frames().items():
        if ident == here:
            continue
        depth = 0
        while frame is not None:
            if depth == DEPTH or id(frame.f_globals) in own_ids:
                return True
            frame = frame.f_back
            depth += 1
    return False


def path():
    # type: () -> str
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine, '?')
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(folder, 'native', 'bin', '%s-%s' % (sys.platform, machine), 'undo.so')


def _library():
    """What takes classes apart, or None where that cannot be."""
    if not LINUX or not cfuncs.available or not gil_enabled() or hasattr(sys, 'gettotalrefcount'):
        return None
    if not OLDEST <= sys.version_info[:2] <= NEWEST or sys.maxsize != (1 << 63) - 1:
        return None
    try:
        library = cfuncs.open_library(path())
    except OSError:
        return None
    abi = cfuncs.function(library, 'undo_abi', 'long+gil')
    if abi is None or cfuncs.value(abi) != ABI:
        cfuncs.close(library)
        return None
    return library


def _nothing(*_):
    pass


def empty(modules, agent):
    # type: (list, object) -> None
    """To be called last, on the last thread of the agent: nothing of its modules works afterwards.
    The callers must use their local variables only. Does nothing where the program is seen to be in code of ours."""
    namespaces = [module.__dict__ for module in modules]
    if own.threads or workers.starting or linetrace.State.abandoned or _busy(namespaces):
        return
    prefix = own.PACKAGE + '.'
    things = [agent, agent.server, agent.hooks, agent.gc, agent.meter, agent.waker, agent.job]
    # Read before anything is taken away, from here on nothing global is used.
    remove, keys_of, bases_of = type.__delattr__, type.__dict__['__dict__'].__get__, type_mro
    kinds, known, spaces = [], set(), namespaces[:]
    while spaces:
        for value in list(spaces.pop().values()):
            if type not in bases_of(type(value)) or id(value) in known:
                continue
            known.add(id(value))
            if class_name(value).startswith(prefix):
                kinds.append(value)
                spaces.append(keys_of(value))
    library = _library()
    places = array('Q', map(id, kinds))
    clear, close = _nothing, _nothing
    if library is not None:
        clear, close = cfuncs.function(library, 'undo_clear', 'void+gil'), cfuncs.close_function
    given = () if library is None else cfuncs.block(places)
    for thing in things:
        state = getattr(thing, '__dict__', None)
        if type(state) is dict:
            state.clear()
    thing = state = agent = None
    del things[:]
    # What can be taken off a class from Python.
    for kind in kinds:
        for name in list(keys_of(kind)):
            try:
                remove(kind, name)
            except (AttributeError, TypeError):
                pass
    kind = value = None
    del modules[:]
    while namespaces:  # the package's first: with it go all modules, and none is to be seen without its name
        namespaces.pop(0).clear()
    # The rest. Without the library empty shells (0.1 MB) stay until the collector comes by.
    clear(*given)
    given = clear = None
    del kinds[:]
    close(library)
