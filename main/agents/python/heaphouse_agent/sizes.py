"""Shallow sizes as `sys.getsizeof` gives them, without running a `__sizeof__` of the program.

For a type whose `__sizeof__`, looked up statically in the MRO, is a C function, `sys.getsizeof`
is safe and exact. For any other type it is `object.__sizeof__` plus what `getsizeof` would add in
front of the object.
"""
from .compat import sys
from .static import (HAVE_GC, MISSING, MethodDescriptor, SlotWrapper, defining_module, lookup,
                     type_dictoffset, type_flags, type_name)

_C_FUNCTIONS = (id(MethodDescriptor), id(SlotWrapper))
_plain = object.__sizeof__
_MANAGED_DICT = 1 << 4
_MANAGED_WEAKREF = 1 << 3
LARGEST = 0xFFFFFFFF  # readers of the format keep sizes in 32 bits


def _pre_header(cls):
    # type: (type) -> int
    flags = type_flags(cls)
    extra = 16 if flags & HAVE_GC else 0
    if sys.version_info >= (3, 12):
        if flags & (_MANAGED_DICT | _MANAGED_WEAKREF):
            extra += 16
    elif sys.version_info >= (3, 11) and type_dictoffset(cls) < 0 and flags & _MANAGED_DICT:
        extra += 16
    return extra


def sizer(cls):
    # type: (type) -> object
    """A function from an object of exactly this type to its shallow size in bytes."""
    found = lookup(cls, '__sizeof__')
    if found is not MISSING and id(type(found)) in _C_FUNCTIONS:
        if type_name(cls) == 'mmap' and defining_module(cls) == 'mmap':
            return _mmap_sizer(cls)
        return sys.getsizeof
    extra = _pre_header(cls)
    return lambda o: _plain(o) + extra


def _mmap_sizer(cls):
    length = cls.__dict__['__len__']

    def size(o):
        try:
            return sys.getsizeof(o) + length(o)
        except ValueError:  # closed
            return sys.getsizeof(o)
    return size
