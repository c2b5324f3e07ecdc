"""Edges of the containers: list, tuple, dict, set, deque. The hot part of the walk."""
from .compat import array, deque
from .naming import ELEMENT, INTERNAL, PROPERTY, edge_key

_RANGE = array('I', range(4096))
_ELEMENTS = bytes([ELEMENT]) * 4096


def make(sink):
    """Edge functions over `sink` (see walk.Sink), which is unpacked into locals for speed."""
    index, objects, own, base = sink.index, sink.objects, sink.own, sink.base
    stride = sink.stride
    get = index.get
    push = objects.append
    e_to, e_name, e_type = sink.e_to, sink.e_name, sink.e_type
    add_to, add_name, add_type = e_to.append, e_name.append, e_type.append
    named = sink.names.table.get
    intern = sink.names.of
    key_sid = sink.names.whole('(key)')
    folded = sink.folded

    def elements(items):
        """`items` is a list or tuple nobody else changes: one element edge each, by position."""
        count = len(items)
        if not count:
            return
        targets = list(map(get, map(id, items)))
        try:
            e_to.fromlist(targets)
        except TypeError:  # some are new: a None is among them
            dropped = False
            for i, target in enumerate(targets):
                if target is None:
                    child = items[i]
                    address = id(child)
                    target = get(address)
                    if target is None:
                        if address in own:
                            dropped = True
                            continue
                        target = index[address] = (base + len(objects)) * stride
                        push(child)
                    targets[i] = target
            if dropped:
                for i, target in enumerate(targets):
                    if target is not None:
                        add_to(target)
                        add_name(i)
                        add_type(ELEMENT)
                return
            e_to.fromlist(targets)
        if count <= 4096:
            e_name.extend(_RANGE[:count])
            e_type.extend(_ELEMENTS[:count])
        else:
            e_name.extend(array('I', range(count)))
            e_type.extend(bytes([ELEMENT]) * count)

    def on_list(o):
        elements(o[:])

    def on_set(o):
        elements(list(o))

    def entries(keys, values):
        """Value edges by key, and a `(key)` edge to every key object."""
        for key, value in zip(keys, values):
            address = id(value)
            target = get(address)
            if target is None and address not in own:
                target = index[address] = (base + len(objects)) * stride
                push(value)
            if target is not None:
                kind = type(key)
                edge = PROPERTY
                if kind is str:
                    name = named(key)
                    if name is None:
                        name = intern(key)
                elif kind is int and 0 <= key <= 0x7FFFFFFF:
                    edge, name = ELEMENT, key
                else:
                    name = intern(edge_key(key))
                add_to(target)
                add_name(name)
                add_type(edge)
            address = id(key)
            target = get(address)
            if target is None and address not in own:
                target = index[address] = (base + len(objects)) * stride
                push(key)
            if target is not None:
                add_to(target)
                add_name(key_sid)
                add_type(INTERNAL)

    def content(o):
        """(keys, values) of a dict or a subclass, from the C structure."""
        for _ in range(8):
            keys = list(dict.keys(o))
            values = list(dict.values(o))
            if len(keys) == len(values):
                break
        return keys, values

    def on_dict(o):
        if o:
            if folded and id(o) in folded:
                return
            keys, values = content(o)
            entries(keys, values)

    def attributes(keys, values):
        """Entries of a namespace shown on its owner: keys only where nothing else holds them."""
        for key, value in zip(keys, values):
            address = id(value)
            target = get(address)
            if target is None and address not in own:
                target = index[address] = (base + len(objects)) * stride
                push(value)
            if target is not None:
                if type(key) is str:
                    name = named(key)
                    if name is None:
                        name = intern(key)
                else:
                    name = intern(edge_key(key))
                add_to(target)
                add_name(name)
                add_type(PROPERTY)
            address = id(key)
            if address not in index and address not in own:
                add_to((base + len(objects)) * stride)
                index[address] = (base + len(objects)) * stride
                push(key)
                add_name(key_sid)
                add_type(INTERNAL)

    sink.elements = elements
    sink.entries = entries
    sink.content = content
    sink.attributes = attributes
    return {
        id(list): on_list, id(tuple): elements, id(dict): on_dict,
        id(set): on_set, id(frozenset): on_set,
        id(deque): lambda o: elements(list(deque.__iter__(o))),
    }
