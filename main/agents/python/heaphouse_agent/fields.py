"""What an object is made of, for looking into one object at a time. Runs none of its code."""
from .compat import itertools
from .naming import PREVIEW, edge_key, key_text
from .static import (GetSet, Module, class_name, container_base, dict_reader, is_heap_type, members,
                     module_dict, solid_base, type_dictoffset, type_mro, type_namespace)

LIMIT = 1000  # entries of a container listed at once


def short(value, depth=0):
    # type: (object, int) -> str
    """A bounded text for any object: builtin atoms and containers by content, others by class."""
    kind = type(value)
    if kind in (str, int, float, bool, complex, bytes, type(None)):
        return key_text(value)
    if depth < 2 and kind in (list, tuple, set, frozenset, dict):
        inner = []
        if kind is dict:
            for key in itertools.islice(list(value), 5):
                inner.append('%s: %s' % (short(key, depth + 1),
                                         short(dict.get(value, key), depth + 1)
                                         if type(key) in (str, int) else '\u2026'))
        else:
            inner = [short(v, depth + 1) for v in itertools.islice(list(value), 5)]
        if len(value) > 5:
            inner.append('\u2026')
        return '%s(%d) {%s}' % (kind.__name__, len(value), ', '.join(inner))
    if kind is bytearray:
        return 'bytearray(%d)' % len(value)
    return '<%s object at 0x%x>' % (class_name(kind), id(value))


def instance_dict(value):
    # type: (object) -> dict
    """The attributes of an instance. Looking at one object may create its dict."""
    kind = type(value)
    if solid_base(kind) is Module:
        found = module_dict(value)
    elif type in type_mro(kind):
        return dict(type_namespace(value))
    elif type_dictoffset(kind):
        read = dict_reader(kind)
        found = read(value) if read is not None else None
    else:
        found = None
    return found if type(found) is dict else {}


def entries(value):
    # type: (object) -> list
    """[(name, value)] of what the object holds: slots, attributes, content."""
    kind, found = type(value), []
    base = container_base(kind)
    if base is list or base is tuple:
        items = base.__getitem__(value, slice(0, LIMIT))
        found.extend([(str(i), item) for i, item in enumerate(items)])
    elif base is set or base is frozenset:
        items = itertools.islice(list(base.__iter__(value)), LIMIT)
        found.extend([(str(i), item) for i, item in enumerate(items)])
    elif base is dict:
        pairs = itertools.islice(list(dict.items(value)), LIMIT)
        found.extend([(k[:PREVIEW] if type(k) is str else edge_key(k), v) for k, v in pairs])
    if is_heap_type(kind):
        for name, read in members(kind):
            if name not in ('__weakref__', '__dict__'):
                try:
                    found.append((name, read(value)))
                except (AttributeError, TypeError):
                    pass
    for name, item in list(instance_dict(value).items())[:LIMIT]:
        found.append((name[:PREVIEW] if type(name) is str else edge_key(name), item))
    return found


def accessors(value):
    # type: (object) -> list
    """[(name, property or C getter)] in the MRO: shown, not called."""
    found, seen = [], set()
    for base in type_mro(type(value)):
        if base is object:
            continue
        for name, item in list(type_namespace(base).items()):
            if type(name) is str and name not in seen:
                seen.add(name)
                if type(item) is property or type(item) is GetSet:
                    found.append((name, item))
    return found[:LIMIT]
