"""Looking at types and objects without running a line of the program's code.

`type(o)`, never `o.__class__`; attributes of types are read through the C descriptors of `type`
itself and through the namespaces in the MRO, so no metaclass hook, `__getattr__`, property or
other descriptor of the program runs.
"""
from .compat import deque, gc

_TYPE = type.__dict__
type_mro = _TYPE['__mro__'].__get__
type_namespace = _TYPE['__dict__'].__get__
type_flags = _TYPE['__flags__'].__get__
type_base = _TYPE['__base__'].__get__
type_bases = _TYPE['__bases__'].__get__
type_name = _TYPE['__name__'].__get__
type_qualname = _TYPE['__qualname__'].__get__
type_module = _TYPE['__module__'].__get__
type_dictoffset = _TYPE['__dictoffset__'].__get__

HEAP_TYPE = 1 << 9
HAVE_GC = 1 << 14

GetSet = type(_TYPE['__dict__'])
Member = type(_TYPE['__flags__'])
SlotWrapper = type(object.__init__)
MethodDescriptor = type(str.join)
ClassMethodDescriptor = type(dict.__dict__['fromkeys'])
Module = type(gc)
Function = type(lambda: None)
Builtin = type(len)
Proxy = type(_TYPE)
module_dict = Module.__dict__['__dict__'].__get__

MISSING = object()
_PLAIN = (int, str, bytes, float, bool, type(None), tuple, list, dict, set, frozenset)
_PLAIN_IDS = frozenset([id(t) for t in _PLAIN])


def is_heap_type(cls):
    # type: (type) -> bool
    return bool(type_flags(cls) & HEAP_TYPE)


def lookup(cls, name):
    # type: (type, str) -> object
    """The attribute `name` as the MRO of `cls` has it, unbound; MISSING when there is none."""
    for base in type_mro(cls):
        found = type_namespace(base).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def shadows_instance(cls, name):
    # type: (type, str) -> bool
    """Could reading `name` from an instance with object.__getattribute__ run a descriptor?"""
    found = lookup(cls, name)
    return found is not MISSING and id(type(found)) not in _PLAIN_IDS


def solid_base(cls):
    # type: (type) -> type
    """The nearest type in the base chain that is not a Python class: it decides the layout."""
    while type_flags(cls) & HEAP_TYPE:
        base = type_base(cls)
        if base is None:
            break
        cls = base
    return cls


_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_CONTAINER_IDS = frozenset([id(t) for t in _CONTAINERS])


def container_base(cls):
    # type: (type) -> type
    """The builtin container whose structure the instances of `cls` have, or None."""
    for base in type_mro(cls):
        if id(base) in _CONTAINER_IDS:
            return base
    return None


def class_name(cls):
    # type: (type) -> str
    """`module.QualName`, bare for builtins."""
    try:
        name = type_qualname(cls)
    except Exception:
        name = None
    if type(name) is not str:
        name = type_name(cls)
    try:
        module = type_module(cls)
    except AttributeError:
        module = None
    if type(module) is not str or module == 'builtins' or not module:
        return name[:300]
    return (module + '.' + name)[:300]


def dict_reader(cls):
    # type: (type) -> object
    """The C getter of an instance's `__dict__`, or None. Calling it creates a missing dict."""
    for base in type_mro(cls):
        found = type_namespace(base).get('__dict__', MISSING)
        if found is MISSING:
            continue
        return found.__get__ if type(found) is GetSet else None
    return None


def members(cls):
    # type: (type) -> list
    """(name, getter) of every C-level member descriptor in the MRO, slots of classes included."""
    found = []
    for base in type_mro(cls):
        for name, value in list(type_namespace(base).items()):
            if type(value) is Member and type(name) is str:
                found.append((name, value.__get__))
    return found


def defining_module(cls):
    # type: (type) -> str
    try:
        module = type_module(cls)
    except AttributeError:
        return ''
    return module if type(module) is str else ''
