"""Figures of every allocator in this process: pymalloc's own text, the C library, and jemalloc,
mimalloc or tcmalloc where one is loaded. Read in the living process, in well under a millisecond
each; nothing here allocates more than a few kilobytes."""
from . import cfuncs
from .compat import array, gil_enabled, os, sys

MAX_TEXT = 262144  # malloc_info writes about 1 KiB an arena
VARIABLES = ('PYTHONMALLOC', 'PYTHONMALLOCSTATS', 'PYTHONDEVMODE', 'LD_PRELOAD', 'GLIBC_TUNABLES',
             'MALLOC_ARENA_MAX', 'MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_',
             'MALLOC_CONF')

# Of gperftools (malloc_extension.h); which exist depends on its version.
TCMALLOC = ('generic.current_allocated_bytes', 'generic.heap_size', 'generic.total_physical_bytes',
            'tcmalloc.pageheap_free_bytes', 'tcmalloc.pageheap_unmapped_bytes',
            'tcmalloc.central_cache_free_bytes', 'tcmalloc.transfer_cache_free_bytes',
            'tcmalloc.thread_cache_free_bytes', 'tcmalloc.current_total_thread_cache_bytes',
            'tcmalloc.max_total_thread_cache_bytes')
MAX_STATISTICS = 16384

# Names of jemalloc's mallctl (its manual): all size_t.
JEMALLOC = ('stats.allocated', 'stats.active', 'stats.metadata', 'stats.resident', 'stats.mapped',
            'stats.retained', 'arenas.narenas', 'arenas.nbins')
MAX_BINS = 128
ALL_ARENAS = 4096  # MALLCTL_ARENAS_ALL

if cfuncs.available:
    _ctypes = cfuncs._ctypes

    class _Int(_ctypes._SimpleCData):
        _type_ = 'i'

    class _Bool(_ctypes._SimpleCData):
        _type_ = '?'

    class _Size(_ctypes._SimpleCData):
        _type_ = 'L'

    class _IntCall(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = _Int

    cfuncs.KINDS['int'] = _IntCall

    class _Text(_ctypes._SimpleCData):
        _type_ = 'z'

    class _Output(_ctypes.CFuncPtr):
        """void (*)(const char *, void *), to be called by C."""
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = None
        _argtypes_ = (_Text, cfuncs._Pointer)


def environment():
    # type: () -> dict
    """The variables that choose or tune an allocator, as the program got them."""
    found = {}
    for name in VARIABLES:
        value = os.environ.get(name)
        if type(value) is str:
            found[name] = value[:1000]
    return found


class Reader(object):
    """Made anew for each reading: holds nothing between them."""

    def __init__(self, meter):
        self.meter = meter
        self.library = cfuncs.handle() if cfuncs.available else None

    def find(self, name, kind):
        return cfuncs.function(self.library, name, kind) if self.library is not None else None

    def pymalloc_text(self):
        return self.meter._pymalloc_text() if self.meter.stats is not None else ''

    def mallinfo(self):
        """The ten words of glibc's mallinfo2, or None."""
        if self.meter.mallinfo is None:
            return None
        block = cfuncs.Structure(10)
        self.meter.mallinfo(cfuncs.pointer(block.address))
        return list(block.data)

    def malloc_info(self):
        """glibc's XML, or ''."""
        write = self.find('malloc_info', 'int')
        meter = self.meter
        if write is None or meter.stats is None:
            return ''
        base = meter.slots.address
        stream = meter.open_stream(cfuncs.pointer(base), cfuncs.pointer(base + 8))
        stream = getattr(stream, 'value', stream)
        if not stream:
            return ''
        write(_Int(0), cfuncs.pointer(stream))
        meter.close_stream(cfuncs.pointer(stream))
        address, size = meter.slots.data[0], meter.slots.data[1]
        if not address:
            return ''
        try:
            return cfuncs.text_at(self.library, address, min(size, MAX_TEXT)).decode(
                'ascii', 'replace')
        finally:
            meter.release(cfuncs.pointer(address))

    def jemalloc_totals(self):
        return self.jemalloc(('stats.allocated', 'stats.resident'))

    def jemalloc(self, names=JEMALLOC):
        """{'figures': {name: value}, 'bins': [[size, regions in use, slabs, slab bytes]]}"""
        control = self.find('mallctl', 'int')
        if control is None:
            return None
        name = array('B')
        slot = array('L', [0, 8])
        place = slot.buffer_info()[0]

        def read(text, size=8):
            """An unsigned figure of `size` bytes, or None."""
            name[:] = array('B', text.encode('ascii') + b'\0')
            slot[0], slot[1] = 0, size
            failed = control(cfuncs.pointer(name.buffer_info()[0]), cfuncs.pointer(place),
                             cfuncs.pointer(place + 8), cfuncs.pointer(0), _Size(0))
            failed = getattr(failed, 'value', failed)
            return None if failed else slot[0]

        # Figures are of the last epoch: begin a new one.
        one = array('L', [1])
        name[:] = array('B', b'epoch\0')
        slot[1] = 8
        control(cfuncs.pointer(name.buffer_info()[0]), cfuncs.pointer(place),
                cfuncs.pointer(place + 8), cfuncs.pointer(one.buffer_info()[0]), _Size(8))
        figures = {}
        for text in names:
            value = read(text, 4 if text.startswith('arenas.') else 8)
            if value is not None:
                figures[text] = value
        if not figures:
            return None
        bins = []
        for index in range(min(figures.get('arenas.nbins', 0), MAX_BINS)):
            size = read('arenas.bin.%d.size' % index)
            slab = read('arenas.bin.%d.slab_size' % index)
            used = read('stats.arenas.%d.bins.%d.curregs' % (ALL_ARENAS, index))
            slabs = read('stats.arenas.%d.bins.%d.curslabs' % (ALL_ARENAS, index))
            if size is not None and used is not None:
                bins.append([size, used, slabs or 0, slab or 0])
        return {'figures': figures, 'bins': bins}

    def mimalloc(self):
        """Figures and statistics of a loaded mimalloc, or None."""
        found = self.mimalloc_totals()
        if found is not None:
            found['statistics'] = self.mimalloc_text()
        return found

    def mimalloc_totals(self):
        """mi_process_info of a loaded mimalloc (not of the copy inside CPython), or None."""
        process = self.find('mi_process_info', 'void')
        if process is None:
            return None
        block = cfuncs.Structure(8)
        process(*[cfuncs.pointer(block.address + 8 * i) for i in range(8)])
        names = ('elapsedMs', 'userMs', 'systemMs', 'residentBytes', 'peakResidentBytes',
                 'committedBytes', 'peakCommittedBytes', 'pageFaults')
        return {'figures': dict(zip(names, block.data))}

    def mimalloc_text(self):
        """What mi_stats_print_out writes, or ''."""
        write = self.find('mi_stats_print_out', 'void')
        if write is None:
            return ''
        parts = []
        try:
            # Not a method or closure of ours that outlives the call.
            output = _Output(lambda text, _: parts.append(text))
        except (MemoryError, OSError):
            return ''  # no memory that is both writable and executable here
        write(output, cfuncs.pointer(0))
        return b''.join(part for part in parts if part)[:MAX_STATISTICS].decode('ascii', 'replace')

    def tcmalloc(self):
        """Figures of gperftools by name, or None."""
        control = self.find('MallocExtension_GetNumericProperty', 'int')
        if control is None:
            return None
        figures = {}
        slot = array('L', [0])
        for text in TCMALLOC:
            name = array('B', text.encode('ascii') + b'\0')
            found = control(cfuncs.pointer(name.buffer_info()[0]),
                            cfuncs.pointer(slot.buffer_info()[0]))
            if getattr(found, 'value', found):
                figures[text] = slot[0]
        return {'figures': figures}

    def replacement(self):
        # type: () -> object
        """(bytes in use, bytes obtained) of an allocator that took the place of the C library's;
        the first is None where it does not tell. None when there is none."""
        for read, used, total in ((self.jemalloc_totals, 'stats.allocated', 'stats.resident'),
                                  (self.tcmalloc, 'generic.current_allocated_bytes',
                                   'generic.heap_size'),
                                  (self.mimalloc_totals, None, 'committedBytes')):
            found = read()
            if found is not None:
                figures = found['figures']
                return figures.get(used), figures.get(total)
        return None

    def read(self):
        # type: () -> dict
        """The result of Python.getAllocatorStatistics."""
        sample = object()
        library = None
        if hasattr(os, 'confstr'):
            try:
                library = os.confstr('CS_GNU_LIBC_VERSION')
            except (ValueError, OSError):
                library = None
        return {
            'pymalloc': self.pymalloc_text(), 'allocatedBlocks': sys.getallocatedblocks(),
            # A small object is in a pool, or nothing is: a place to start to look for arenas.
            'sampleAddress': '%x' % id(sample),
            'typeAddress': '%x' % id(type),
            'pageBytes': os.sysconf('SC_PAGE_SIZE') if hasattr(os, 'sysconf') else 4096,
            'gilEnabled': gil_enabled(), 'devMode': bool(sys.flags.dev_mode),
            'environment': {} if sys.flags.ignore_environment else environment(),
            'cLibrary': library, 'mallinfo2': self.mallinfo(), 'mallocInfo': self.malloc_info(),
            'jemalloc': self.jemalloc(), 'mimalloc': self.mimalloc(), 'tcmalloc': self.tcmalloc(),
        }

    def trim(self):
        # type: () -> list
        """Gives free memory back to the system; the names of what was called."""
        done = []
        control = self.find('mallctl', 'int')
        if control is not None:
            name = array('B', b'arena.%d.purge\0' % ALL_ARENAS)
            nothing = cfuncs.pointer(0)
            failed = control(cfuncs.pointer(name.buffer_info()[0]), nothing, nothing, nothing,
                             _Size(0))
            if not getattr(failed, 'value', failed):
                done.append('jemalloc purge')
        collect = self.find('mi_collect', 'void')
        if collect is not None:
            collect(_Bool(True))
            done.append('mi_collect')
        release = self.find('MallocExtension_ReleaseFreeMemory', 'void')
        if release is not None:
            release()
            done.append('tcmalloc release')
        trim = self.find('malloc_trim', 'int')
        if trim is not None and not done:
            trim(_Size(0))
            done.append('malloc_trim')
        return done


__all__ = ['Reader', 'environment']
