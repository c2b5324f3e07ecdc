"""How the agent's thread waits: poll() in C (native/waiting.c), after which the interpreter's lock comes soon.

Where that cannot be, it is `select.poll()` and the thread is a waiting thread like any other.
"""
from . import cfuncs, workers
from .compat import LINUX, array, gil_enabled, os, select, sys

ABI = 1
WORDS = ('interval', 'quick', 'was', 'descriptors', 'count', 'patience')  # struct control in C
AT = {name: place for place, name in enumerate(WORDS)}
PROBES = (4973, 5051, 4937)  # microseconds: intervals that no word has by chance
ROOM = 512


class Poll(object):
    """As `select.poll()`. Used by one thread."""

    def __init__(self, library):
        self.library = library
        self.wait = cfuncs.function(library, 'waiting_wait', 'long')
        self.words = array('q', bytes(8 * len(WORDS)))
        self.control = cfuncs.pointer(self.words.buffer_info()[0])
        self.wanted = {}
        self.block = None  # struct pollfd: the descriptor; what is waited for, and in the upper half what has come
        place = _find_interval(library)
        if place:
            self.words[AT['interval']] = place
            self.words[AT['quick']] = int(workers.SHORT * 1e6 + 0.5)

    def register(self, fd, events):
        self.wanted[fd] = events
        self.block = None

    def modify(self, fd, events):
        if fd not in self.wanted:
            raise KeyError(fd)
        if self.wanted[fd] != events:
            self.register(fd, events)

    def unregister(self, fd):
        del self.wanted[fd]
        self.block = None

    def poll(self, patience=None):
        block, words = self.block, self.words
        if block is None:
            block = self.block = array('i')
            for entry in self.wanted.items():
                block.extend(entry)
            words[AT['descriptors']] = block.buffer_info()[0]
            words[AT['count']] = len(block) // 2
        words[AT['patience']] = -1 if patience is None else max(0, int(patience))
        left = cfuncs.call_address(self.wait, self.control)
        ready = []
        place = 1
        while left > 0 and place < len(block):
            come = block[place] >> 16 & 0xFFFF
            if come:
                ready.append((block[place - 1], come))
                left -= 1
            place += 2
        return ready

    def was(self):
        # type: () -> float
        """The interval in seconds that the last wait made short; 0: it was short."""
        return self.words[AT['was']] / 1e6

    def close(self):
        """Nothing may wait here any more."""
        library, self.library, self.wait = self.library, None, None
        if library is not None:
            cfuncs.close(library)


def path():
    # type: () -> str
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine, '?')
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(folder, 'native', 'bin', '%s-%s' % (sys.platform, machine), 'waiting.so')


def _find_interval(library):
    # type: (object) -> int
    """Address of the interpreter's switch interval, or 0: the one place that follows it each time."""
    find = cfuncs.function(library, 'waiting_find', 'long+gil')
    places = array('Q', bytes(8 * ROOM))
    probes = array('q', PROBES)
    # In one call of C: another agent may be putting the interval back, and must not see ours.
    return cfuncs.call_longs(find, (id(sys.getswitchinterval), id(sys.setswitchinterval), probes.buffer_info()[0],
                                    len(probes), places.buffer_info()[0], ROOM))


def make():
    """What the agent's thread waits with."""
    if (LINUX and cfuncs.available and gil_enabled() and sys.byteorder == 'little'
            and sys.maxsize == (1 << 63) - 1 and os.access(path(), os.R_OK)):
        library = None
        try:
            library = cfuncs.open_library(path())
            abi = cfuncs.function(library, 'waiting_abi', 'long+gil')
            if abi is not None and cfuncs.value(abi) == ABI:
                return Poll(library)
        except Exception:
            pass
        if library is not None:
            cfuncs.close(library)
    return select.poll()


__all__ = ['Poll', 'make']
