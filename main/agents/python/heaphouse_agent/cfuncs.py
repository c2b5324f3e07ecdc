"""A minimal way to call C functions: `_ctypes` without the `ctypes` package around it."""
from .compat import array, standard

try:
    _ctypes = standard('_ctypes')
except ImportError:
    _ctypes = None

available = _ctypes is not None

if available:
    class _Pointer(_ctypes._SimpleCData):
        _type_ = 'P'

    class _Long(_ctypes._SimpleCData):
        _type_ = 'l'

    class _Void(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = None

    # Keeps the GIL: for functions that read interpreter structures.
    class _VoidHeld(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = None

    class _AddressHeld(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = _Pointer

    class _Object(_ctypes._SimpleCData):
        _type_ = 'O'

    # A number, with and without the GIL held during the call.
    class _LongHeld(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = _Long

    class _LongFree(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = _Long

    class _ObjectHeld(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = _Object

    close_function = _ctypes.dlclose
    KINDS = {'void': _Void, 'void+gil': _VoidHeld, 'pointer+gil': _AddressHeld,
             'object+gil': _ObjectHeld, 'long+gil': _LongHeld, 'long': _LongFree}


class Structure(object):
    """A block of memory to hand to C, `words` machine words long, zeroed."""

    def __init__(self, words):
        self.data = array('L', bytes(8 * words))

    @property
    def address(self):
        return self.data.buffer_info()[0]


def handle():
    """The process itself as a library."""
    return _ctypes.dlopen(None, 0)


def function(library, name, kind):
    # type: (object, str, str) -> object
    """A C function by name, or None when the process does not have it."""
    try:
        address = _ctypes.dlsym(library, name)
    except OSError:
        return None
    return KINDS[kind](address) if address else None


def address_in(library, name):
    # type: (object, str) -> int
    """Where a C function is that the library is known to have."""
    return _ctypes.dlsym(library, name)


def pointer(value):
    # type: (int) -> object
    return _Pointer(value)


def text_at(library, address, size):
    # type: (object, int, int) -> bytes
    """`size` bytes at an address that C has just told us."""
    make = function(library, 'PyBytes_FromStringAndSize', 'object+gil')
    return make(_Pointer(address), _Long(size))


def open_library(path):
    # type: (str) -> object
    """Loads a shared object, every symbol resolved at once; OSError tells why not."""
    return _ctypes.dlopen(path, 2)  # RTLD_NOW, local


def close(library):
    _ctypes.dlclose(library)


def block(words):
    # type: (object) -> tuple
    """Arguments for a C function (pointer, long): the items of an `array`, which the caller keeps."""
    return _Pointer(words.buffer_info()[0]), _Long(len(words))


def address_of(block):
    # type: (object) -> int
    """Where the items of an `array` or `bytes` begin; the caller keeps the object."""
    if type(block) is bytes:
        return id(block) + bytes.__basicsize__ - 1
    return block.buffer_info()[0]


def set_slot(function_, slot, address, count):
    """Calls a C function (long, pointer, long)."""
    function_(_Long(slot), _Pointer(address), _Long(count))


def call_long(function_, value):
    """Calls a C function (long) -> long."""
    found = function_(_Long(value))
    return getattr(found, 'value', found)


def call_address(function_, address):
    """Calls a C function (pointer) -> long."""
    found = function_(address)
    return getattr(found, 'value', found)


def value(function_):
    # type: (object) -> int
    """Calls a C function without arguments: its number, also where ctypes wraps it."""
    found = function_()
    return getattr(found, 'value', found)


def call_longs(function_, values):
    # type: (object, tuple) -> int
    """Calls a C function (long, long, ...) -> long."""
    found = function_(*[_Long(v) for v in values])
    return getattr(found, 'value', found)


def in_main_interpreter():
    # type: () -> bool
    """False in a subinterpreter, whose objects and threads are not those of the program's main one."""
    if available:
        process = handle()
        current = (function(process, 'PyInterpreterState_Get', 'pointer+gil')
                   or function(process, '_PyInterpreterState_Get', 'pointer+gil'))  # 3.8
        main = function(process, 'PyInterpreterState_Main', 'pointer+gil')
        if current is not None and main is not None:
            return address(current()) == address(main())
    for name in ('_interpreters', '_xxsubinterpreters'):  # 3.12: none with a lock of its own gets _ctypes
        try:
            module = standard(name)
        except ImportError:
            continue
        return module.get_current() == module.get_main()
    return True


def subinterpreters():
    # type: () -> int
    """How many interpreters there are beside the main one; 0 where that cannot be told."""
    if not available:
        return 0
    process = handle()
    first = function(process, 'PyInterpreterState_Head', 'pointer+gil')
    following = function(process, 'PyInterpreterState_Next', 'pointer+gil')
    if first is None or following is None:
        return 0
    count, at = 0, address(first())
    while at and count < 1000:
        count, at = count + 1, address(following(_Pointer(at)))
    return max(0, count - 1)


def address(found):
    """What a function of kind 'pointer' gave, as a number."""
    return getattr(found, 'value', found)
