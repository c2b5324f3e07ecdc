"""How much memory this process uses, from its own allocators, in under a millisecond."""
from . import allocators, cfuncs
from .compat import monotonic_ms, os, sys

SPARING = 1000.0  # times as long as reading an allocator took, until the next time


class Meter(object):
    """Reads pymalloc and the C allocator. What a build does not offer is None, with a source."""

    # While allocations are sampled: calls C as if nothing of ours stood in front of pymalloc,
    # whose statistics are empty otherwise.
    around = None

    def __init__(self):
        self.stats = self.open_stream = self.close_stream = self.release = None
        self.library = self.mallinfo = None
        self.mallinfo_words = 0
        self.is_replaced = False
        self.has_pools = True
        self.slots = None
        self.walked = None, None, 0
        self.walk_again_at = 0.0
        self.told = None
        self.ask_again_at = 0.0
        if cfuncs.available:
            try:
                self._find()
            except Exception:
                self.stats = self.mallinfo = None

    def _find(self):
        library = self.library = cfuncs.handle()
        self.stats = cfuncs.function(library, '_PyObject_DebugMallocStats', 'void+gil')
        if self.stats is not None:
            self.stats_at = cfuncs.address_in(library, '_PyObject_DebugMallocStats')
        self.open_stream = cfuncs.function(library, 'open_memstream', 'pointer+gil')
        self.close_stream = cfuncs.function(library, 'fclose', 'void+gil')
        self.release = cfuncs.function(library, 'free', 'void+gil')
        if not (self.open_stream and self.close_stream and self.release):
            self.stats = None
        self.slots = cfuncs.Structure(2)
        for name in ('mallinfo2',):
            # struct mallinfo2 is ten size_t and returned through a hidden pointer argument, which
            # both System V x86-64 and AAPCS64 pass differently; only x86-64 takes it first.
            if os.uname().machine == 'x86_64':
                self.mallinfo = cfuncs.function(library, name, 'void')
                self.mallinfo_words = 10

    def _pymalloc_text(self):
        # type: () -> str
        base = self.slots.address
        stream = self.open_stream(cfuncs.pointer(base), cfuncs.pointer(base + 8))
        stream = getattr(stream, 'value', stream)
        if not stream:
            return ''
        if self.around is None:
            self.stats(cfuncs.pointer(stream))
        else:
            self.around(self.stats_at, stream)
        self.close_stream(cfuncs.pointer(stream))
        address, size = self.slots.data[0], self.slots.data[1]
        if not address:
            return ''
        try:
            return cfuncs.text_at(self.library, address, size).decode('ascii', 'replace')
        finally:
            self.release(cfuncs.pointer(address))

    def _native(self, sparing):
        """(bytes in use, bytes obtained) of the allocator behind malloc and its name, or None. It looks at
        every free block: 100,000 of them take some milliseconds, with malloc's locks held."""
        began = monotonic_ms()
        if sparing and began < self.ask_again_at:
            return self.told
        self.told = self._ask_native()
        ended = monotonic_ms()
        self.ask_again_at = ended + (ended - began) * SPARING
        return self.told

    def _ask_native(self):
        if self.mallinfo is None:
            return None
        if not self.is_replaced:
            block = cfuncs.Structure(self.mallinfo_words)
            self.mallinfo(cfuncs.pointer(block.address))
            # arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost
            words = block.data
            if words[0] + words[4]:
                return words[7] + words[4], words[0] + words[4], 'mallinfo2'
            # The C library has handed out nothing at all: another allocator serves the program.
            self.is_replaced = True
        found = allocators.Reader(self).replacement()
        return None if found is None else found + ('allocator',)

    def _pools(self, sparing):
        """(bytes in blocks, bytes in arenas, blocks). Both calls look at every pool with the
        interpreter lock held, 20 ms for 4 GiB of them."""
        began = monotonic_ms()
        if sparing and began < self.walk_again_at:
            return self.walked
        used = total = None
        if self.stats is not None:
            text = self._pymalloc_text()
            self.has_pools = 'arenas' in text
            used, total = parse_stats(text)
            if not used:  # free-threaded 3.13 prints zeros
                used = total = None
        self.walked = used, total, sys.getallocatedblocks()
        ended = monotonic_ms()
        self.walk_again_at = ended + (ended - began) * SPARING
        return self.walked

    def read(self, sparing=False):
        # type: (bool) -> dict
        """The result of Python.getMemoryUsage. `sparing`: old figures of pymalloc will do as long
        as new ones would cost more than a small share of the program's time."""
        used, total, blocks = self._pools(sparing)
        source = []
        if used is not None:
            source.append('pymalloc' if self.has_pools else 'mimalloc')
        native = self._native(sparing)
        if native is not None:
            source.append(native[2])
        if used is None:
            # No pymalloc (PYTHONMALLOC=malloc, mimalloc, no _ctypes): everything is in the C heap.
            if native is not None and not blocks:
                used, total = native[:2]
                native = (0, 0, native[2])
            else:
                used = total = resident_bytes()
                source.append('rss')
        return {
            'heapUsedBytes': used, 'heapTotalBytes': total,
            'nativeUsedBytes': None if native is None else native[0],
            'allocatedBlocks': blocks, 'source': '+'.join(source),
        }


def parse_stats(text):
    # type: (str) -> tuple
    """(bytes in allocated blocks, bytes obtained for them) from the text of
    `_debugmallocstats`, of pymalloc or of mimalloc."""
    used = total = size = current = None
    for line in text.splitlines():
        left, equals, right = line.rpartition('=')
        if not equals:
            # mimalloc of CPython 3.13 and later, such as `Allocated Bytes: 2049336`.
            name, _, digits = line.strip().partition(': ')
            if name == 'Allocated Bytes' and digits.isdigit():
                used = int(digits)
            elif name == 'Bytes Committed' and digits.isdigit():
                total = int(digits)
            continue
        digits = right.replace(',', '').strip()
        if not digits.isdigit():
            continue
        label, value = left.strip().rstrip(' ='), int(digits)
        if label.endswith('bytes in allocated blocks'):
            used = value
        elif 'arenas' in label and 'bytes/arena' in label:
            total = value
        elif label.endswith('arenas allocated current'):
            current = value
    if used is None:
        return None, None
    if total is None:
        total = (current or 0) * (size or 1 << 20)
    return used, max(total, used)


def resident_bytes():
    # type: () -> int
    """Resident set in bytes, 0 when the system does not tell."""
    try:
        with open('/proc/self/statm', 'rb') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    except (OSError, ValueError, IndexError):
        return 0


__all__ = ['Meter', 'parse_stats', 'resident_bytes']
