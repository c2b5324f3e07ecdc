"""The collector's callback in C (native/gcnote.c): loading it, telling it where things are, reading
its ring, and taking it out again. Whatever does not fit ends in None and Python does the work.
"""
from . import cfuncs
from .compat import LINUX, array, gc, gil_enabled, os, standard, sys, time

ABI = 4
ROW = 40  # bytes of a row, see struct row in gcnote.c
CAPACITY = 4096  # rows kept while nobody reads them; beyond that there are sums
SUM = 4  # numbers of a generation
LEAVE_SECONDS = 2.0

# struct control of gcnote.c, one machine word each.
WORDS = ('limit', 'written', 'taken', 'polled', 'capacity', 'ring', 'counts', 'survivors', 'young',
         'sums', 'survived', 'looked_at', 'get_count', 'passed', 'wake', 'generation', 'collected', 'uncollectable', 'candidates', 'none')
LAYOUT = standard('_struct').Struct('<dfiiiiiHHi')  # of a row
AT = {name: place for place, name in enumerate(WORDS)}
STATE_BYTES = 512  # of the collector's state looked at, from the head of the youngest generation


class Ring(object):
    """One callback in C and what it writes. `function` goes into `gc.callbacks`."""

    def __init__(self, library, passed, wake):
        self.library = library
        self.rows = array('b', bytes(ROW * (CAPACITY + 1)))
        self.offset = memoryview(self.rows)[:8].cast('d')
        self.words = words = array('q', bytes(8 * len(WORDS)))
        self.read = 0
        self.sums = array('d', bytes(8 * SUM * 6))
        # What C refers to by address.
        self.kept = {'get_count': gc.get_count, 'passed': passed, 'wake': wake,
                     'generation': 'generation', 'collected': 'collected',
                     'uncollectable': 'uncollectable', 'candidates': 'candidates', 'none': None}
        for name, value in self.kept.items():
            words[AT[name]] = id(value)
        words[AT['capacity']] = CAPACITY
        words[AT['ring']] = self.rows.buffer_info()[0]
        words[AT['sums']] = self.sums.buffer_info()[0]
        words[AT['counts']], words[AT['survivors']], words[AT['young']] = _find_state(library)
        make = cfuncs.function(library, 'gcnote_make', 'object+gil')
        self.let_go = cfuncs.function(library, 'gcnote_drop', 'void+gil')
        self.inside = cfuncs.function(library, 'gcnote_inside', 'long+gil')
        self.busy = cfuncs.function(library, 'gcnote_busy', 'long+gil')
        self.function = make(cfuncs.pointer(words.buffer_info()[0]))

    def asked(self):
        # type: () -> tuple
        """(objects looked at, objects that lived on) of the collection whose end is being passed on; None where not
        known."""
        return tuple([None if n < 0 else n for n in
                      (self.words[AT['looked_at']], self.words[AT['survived']])])

    def set(self, name, value):
        self.words[AT[name]] = value

    def set_offset(self, milliseconds):
        """What turns the clock of C into milliseconds since the epoch."""
        self.offset[0] = milliseconds

    def waiting(self):
        # type: () -> bool
        return self.words[AT['written']] != self.read

    def take(self):
        # type: () -> bytes
        """The rows since the last call, oldest first, as they lie in memory."""
        written = self.words[AT['written']]  # moves on only while Python code may be interrupted
        first = self.read
        if first == written:
            return b''
        start, end = first % CAPACITY + 1, (written - 1) % CAPACITY + 2
        rows = self.rows
        if start < end:
            found = rows[start * ROW:end * ROW].tobytes()
        else:
            found = rows[start * ROW:].tobytes() + rows[ROW:end * ROW].tobytes()
        self.read = self.words[AT['taken']] = written
        return found

    def take_sums(self):
        # type: () -> list
        """After `take`, which has made room in the ring: [collections, collected, uncollectable, pause in ms] of
        each generation for what found it full; empty when nothing did."""
        sums = self.sums
        if not (sums[0] or sums[SUM] or sums[2 * SUM]):
            return []
        found = sums[:3 * SUM].tolist()
        for place in range(len(found)):
            sums[place] = 0.0
        return [found[at:at + SUM] for at in range(0, len(found), SUM)]

    def noted(self):
        # type: () -> list
        """(collections, their pauses in ms) of each generation, of all that has been noted."""
        sums = self.sums
        return [(sums[at], sums[at + SUM - 1]) for at in range(3 * SUM, 6 * SUM, SUM)]

    def drop(self):
        """Unloads the library, unless somebody outside still holds the function: then it stays,
        doing nothing."""
        if self.function is None:
            return
        self.let_go()
        deadline = time.time() + LEAVE_SECONDS
        while cfuncs.value(self.inside) and time.time() < deadline:
            time.sleep(0.005)
        held = [self.function]
        self.function = None
        alone = sys.getrefcount(held[0]) == 2 and not cfuncs.value(self.inside)
        del held[:]
        if alone:
            cfuncs.close(self.library)
        self.library = None


def path():
    # type: () -> str
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine, '?')
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(folder, 'native', 'bin', '%s-%s' % (sys.platform, machine), 'gcnote.so')


def ring(passed, wake):
    """A Ring, or None where there is none for this interpreter or build."""
    if not LINUX or not cfuncs.available or not gil_enabled() or hasattr(sys, 'gettotalrefcount'):
        return None
    if sys.maxsize != (1 << 63) - 1 or sys.byteorder != 'little' or not os.access(path(), os.R_OK):
        return None
    try:
        library = cfuncs.open_library(path())
    except OSError:
        return None
    try:
        abi = cfuncs.function(library, 'gcnote_abi', 'long+gil')
        if abi is not None and cfuncs.value(abi) == ABI:
            return Ring(library, passed, wake)
    except Exception:  # gcnote_make gives nothing where the process lacks a function
        pass
    cfuncs.close(library)
    return None


def _find_state(library):
    # type: (object) -> tuple
    """Addresses of the three counts, of the number of survivors and of the head of the youngest generation, 0 where
    they are not where the collector by generations has them: 3.8 to 3.13, and 3.14.5 and later, which do not collect
    by increments. The head of the youngest generation stands in the collector's state and
    is found from a fresh object; what is around it is compared with what `gc` tells."""
    version = sys.version_info[:3]
    if not ((3, 8) <= version < (3, 14) or (3, 14, 5) <= version < (3, 15)):
        return 0, 0, 0
    thresholds = gc.get_threshold()
    fresh = []
    find = cfuncs.function(library, 'gcnote_find', 'long+gil')
    head = cfuncs.call_longs(find, (id(fresh),) + thresholds)
    if not head:
        return 0, 0, 0
    process = cfuncs.handle()
    state = array('i', cfuncs.text_at(process, head, 72))
    if (state[11], state[17]) != gc.get_count()[1:]:
        return 0, 0, 0
    whole = cfuncs.text_at(process, head, STATE_BYTES)
    # The lists of garbage and callbacks, and behind them the two numbers. Not always aligned.
    at = whole.find(array('Q', [id(gc.garbage), id(gc.callbacks)]).tobytes())
    numbers = array('Q', whole[at + 16:at + 32]) if 0 <= at <= STATE_BYTES - 32 else [1 << 63]
    # 3.14.5 has the lists there, and something else behind them.
    survivors = head + at + 16 if max(numbers) < 1 << 40 and version < (3, 14) else 0
    return head + 20, survivors, head


__all__ = ['LAYOUT', 'ROW', 'Ring', 'ring']
