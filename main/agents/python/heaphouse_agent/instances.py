"""Edges of instances of Python classes, and of C types we know nothing special about.

An instance's attributes hang on the instance itself. Its `__dict__` is a node where it exists as
an object; since 3.11 most instances have none and keep their values inline. In a forked copy the
dict may be created to read the names; in the living process that would grow the program's heap
for good, so there the names are learned instead (see `_learned`).
"""
from .compat import deque, gc, sys
from .naming import HIDDEN, INTERNAL, PROPERTY
from .static import (HAVE_GC, Function, Module, container_base, dict_reader, is_heap_type, lookup,
                     members, module_dict, shadows_instance, solid_base, type_dictoffset,
                     type_flags, type_mro, type_namespace)

referents = gc.get_referents
getrefcount = sys.getrefcount
basicsize = type.__dict__['__basicsize__'].__get__
itemsize = type.__dict__['__itemsize__'].__get__
MAX_FAILURES = 64  # objects of a class whose values no known name explains, until we stop trying
weakrefoffset = type.__dict__['__weakrefoffset__'].__get__
read_attribute = object.__getattribute__
INLINE = sys.version_info >= (3, 11)


def dict_and_count(holder):
    """(referents, the dict among them that is first, its reference count as seen here)."""
    refs = referents(holder)
    found = None
    for found in refs:
        if type(found) is dict:
            return refs, found, getrefcount(found)
    return refs, None, 0


# What dict_and_count reports for a dict that only its holder refers to.
SOLE = dict_and_count([{'x': 1}])[2]


def candidate_names(cls):
    """Attribute names that the methods of a class may set: the names its code mentions."""
    names = []
    seen = set()
    for base in type_mro(cls):
        for value in list(type_namespace(base).values()):
            if type(value) is tuple:  # __static_attributes__ (3.13), __match_args__, ...
                found = value
            elif type(value) is Function:
                code = value.__code__
                # Constants too: setattr(self, 'name', ...), self.__dict__['name'].
                found = code.co_names + tuple([c for c in code.co_consts if type(c) is str
                                               and len(c) < 60 and c.isidentifier()])
            else:
                continue
            for name in found:
                if type(name) is str and name not in seen:
                    seen.add(name)
                    if name != '__dict__' and not shadows_instance(cls, name):
                        names.append(name)
    return names[:2000]


def make(sink):
    names = sink.names.of
    link, attributes, elements = sink.link, sink.attributes, sink.elements
    index, folded, may_touch = sink.index, sink.folded, sink.may_touch
    class_sid, dict_sid = names('__class__'), names('__dict__')

    def hidden(children):
        for position, child in enumerate(children):
            link(HIDDEN, position, child)

    def namespace(d, count):
        """The `__dict__` edge; a dict that only its owner holds shows its entries on the owner."""
        fold = count <= SOLE and id(d) not in index and id(d) not in sink.own
        link(INTERNAL, dict_sid, d)
        if d and fold:
            folded.add(id(d))
            keys, values = sink.content(d)
            attributes(keys, values)

    def plain(cls):
        """Classes without slots whose only C base is `object`."""
        read_dict = dict_reader(cls)
        has_dict = bool(type_dictoffset(cls)) and read_dict is not None
        learned = _learned(cls) if INLINE and not may_touch else None

        known_dicts = sink.known_dicts

        def on_plain(o):
            refs, d, count = dict_and_count(o)
            if refs and refs[-1] is cls:
                refs.pop()
            link(INTERNAL, class_sid, cls)
            if not refs:
                return
            if d is not None and len(refs) == 1 and is_own_dict(o, d):
                namespace(d, count)
            elif not has_dict:
                hidden(refs)
            elif learned is not None:
                learned(o, refs)
            elif may_touch:
                d = read_dict(o)
                if known_dicts is not None and id(d) in known_dicts:  # 3.13 does not report it
                    count = dict_and_count([d])[2] - 2  # `d` and the list
                    namespace(d, count)
                else:  # made for us just now: no object of the program
                    keys, values = sink.content(d)
                    attributes(keys, values)
            else:
                hidden(refs)

        def is_own_dict(o, d):
            if not INLINE:
                return True
            if may_touch:
                return read_dict is not None and read_dict(o) is d
            return explains(cls, o, d)
        return on_plain

    def _learned(cls):
        """Names inline values without touching `__dict__`: known names are read through
        object.__getattribute__ (no descriptor can run: see shadows_instance) and matched with
        what the collector reports, by identity. What stays unmatched gets a hidden edge."""
        rest = candidate_names(cls)
        active = []
        failures = [0]

        def on_values(o, refs):
            addresses = list(map(id, refs))
            used = []

            def attempt(name):
                try:
                    value = read_attribute(o, name)
                except AttributeError:
                    return False
                address = id(value)
                if address not in addresses:
                    return False
                addresses.remove(address)
                used.append(address)
                link(PROPERTY, names(name), value)
                return True

            for name in active:
                attempt(name)
            if addresses and rest:
                for name in rest[:]:
                    if not addresses:
                        break
                    if attempt(name):
                        rest.remove(name)
                        active.append(name)
                        failures[0] = 0
                if addresses:
                    failures[0] += 1
                    if failures[0] > MAX_FAILURES:
                        del rest[:]
            position = 0
            for child in refs:
                address = id(child)
                if address in addresses:
                    addresses.remove(address)
                    if type(child) is dict and not used and explains(cls, o, child):
                        count = dict_and_count([child])[2] - 3  # `child`, `refs` and the list
                        namespace(child, count)
                    else:
                        link(HIDDEN, position, child)
                    position += 1
        return on_values

    def general(cls):
        """Slots, subclasses of containers, C types: content, then members, then the rest."""
        slots = []
        for name, read in members(cls):
            if name not in ('__weakref__', '__dict__'):
                slots.append((names(name), read))
        base = container_base(cls)
        heap = is_heap_type(cls)
        read_dict = dict_reader(cls) if type_dictoffset(cls) else None
        if not (may_touch and INLINE):
            read_dict = None
        has_dict = bool(type_dictoffset(cls))
        learned = _learned(cls) if INLINE and not may_touch and has_dict and heap else None
        fields = _field_names(cls, names) if base is tuple else None
        untracked = not type_flags(cls) & HAVE_GC

        def on_general(o):
            shown = {}  # address -> edges already made for it

            def note(children):
                for child in children:
                    address = id(child)
                    shown[address] = shown.get(address, 0) + 1

            if base is dict:
                keys, values = sink.content(o)
                sink.entries(keys, values)
                note(keys)
                note(values)
            elif base is list or base is tuple:
                items = base.__getitem__(o, slice(None))
                if fields is not None and len(fields) == len(items):
                    for sid, item in zip(fields, items):
                        link(PROPERTY, sid, item)
                else:
                    elements(items)
                note(items)
            elif base is set or base is frozenset or base is deque:
                items = list(base.__iter__(o))
                elements(items)
                note(items)
            refs = [] if untracked else referents(o)
            addresses = set(map(id, refs))
            for sid, read in slots:
                try:
                    value = read(o)
                except (AttributeError, TypeError):
                    continue
                address = id(value)
                # Only what the object really holds: a numeric C member is made on reading.
                if address in addresses and not shown.get(address):
                    link(PROPERTY, sid, value)
                    shown[address] = 1
            rest = []
            class_seen = False
            for child in refs:
                address = id(child)
                if shown.get(address):
                    shown[address] -= 1
                elif child is cls and heap and not class_seen:
                    class_seen = True
                    link(INTERNAL, class_sid, child)
                else:
                    rest.append(child)
            if heap and not class_seen:
                link(INTERNAL, class_sid, cls)
            if rest and has_dict:
                rest = _take_dict(o, rest)
            if rest and learned is not None:
                learned(o, rest)
            elif rest:
                hidden(rest)

        def _take_dict(o, rest):
            """Shows the instance's attributes; returns what they do not explain."""
            if not INLINE:
                kinds = list(map(id, map(type, rest)))
                if id(dict) in kinds:
                    child = rest.pop(kinds.index(id(dict)))
                    count = dict_and_count([child])[2] - 3  # `child`, `refs` and the list
                    namespace(child, count)
                return rest
            if read_dict is None:
                return rest
            d = read_dict(o)
            if type(d) is not dict:
                return rest
            for position, child in enumerate(rest):
                if child is d:
                    link(INTERNAL, dict_sid, d)
                    del rest[position]
                    return rest
            keys, values = sink.content(d)
            attributes(keys, values)
            left = {}
            for value in values:
                left[id(value)] = left.get(id(value), 0) + 1
            out = []
            for child in rest:
                if left.get(id(child)):
                    left[id(child)] -= 1
                else:
                    out.append(child)
            return out
        return on_general

    def module(o):
        """Names of a module hang on the module too: the dict is shared with its functions."""
        d = module_dict(o)
        if type(d) is dict:
            link(INTERNAL, dict_sid, d)
            if sink.virtual:
                keys, values = sink.content(d)
                attributes(keys, values)
        left = [r for r in referents(o) if r is not d]
        hidden(left)

    def edges_for(cls):
        """The edge function for a type without a handler of its own."""
        base = solid_base(cls)
        if base is Module:
            return module
        if is_heap_type(cls) and base is object and type_flags(cls) & HAVE_GC:
            if _bare(cls):
                return plain(cls)
        return general(cls)

    sink.hidden = hidden
    sink.namespace = namespace
    sink.module = module
    return edges_for


def explains(cls, o, d):
    """Is `d` the `__dict__` of `o`? Judged by its first entry, without touching `__dict__`."""
    for key, value in list(d.items())[:4]:
        if type(key) is str and not shadows_instance(cls, key):
            try:
                return read_attribute(o, key) is value
            except AttributeError:
                return False
    return False


def _bare(cls):
    """Has an instance room for a dict and weak references only? Else C code or slots added
    fields of their own to the layout."""
    room = basicsize(cls) - basicsize(object)
    if type_dictoffset(cls) > 0:
        room -= 8
    if weakrefoffset(cls) > 0:
        room -= 8
    return room <= 0 and not itemsize(cls)


def _field_names(cls, names):
    """Edge names of a named tuple, from `_fields` in the class, or None."""
    found = lookup(cls, '_fields')
    if type(found) is not tuple:
        return None
    for name in found:
        if type(name) is not str:
            return None
    return [names(n) for n in found]
