"""Objects that are alive but not reached from the roots.

Either C code holds them (a reference count higher than the references we can see), or they are
cyclic garbage that has not been collected yet. Each kind gets its own root.
"""
from .compat import IMMORTAL, gc
from .naming import ELEMENT, WEAK
from .roots import GARBAGE, HELD, INTERNED
from .walk import STRIDE


def attach(walk, nodes, start, extra, tick):
    """Walks what is left of the collector's list `start` (addresses) and ties it to its roots."""
    sink = walk.sink
    index, own, base = sink.index, sink.own, sink.base
    missing = set([a for a in start if a not in index and a not in own])
    sink.virtual = False
    first_node = len(sink.objects)
    first_edge = len(sink.e_to)
    if missing:
        rest = [o for o in gc.get_objects() if id(o) in missing]
        table = interned_table(rest)
        for o in rest:
            if o is not table:
                sink.enter(o)
        heads = len(rest) - (table is not None)
        del rest
        o = None  # noqa: F841 - the loop variable held the last object
        if table is not None:
            sink.enter(table)
            sink.folded.add(id(table))
    else:
        heads, table = 0, None
    walk.run(tick)
    # Weak references whose referent nothing we know holds: C code must.
    lost = []
    for _, referent in sink.pending:
        if id(referent) not in index and id(referent) not in own:
            lost.append(sink.enter(referent))
    if lost:
        walk.run(tick)
    pending = sink.pending
    for place, referent in pending:
        sink.e_to[place] = index[id(referent)] if id(referent) in index else 0
    walk.settle_references(extra)
    _classify(walk, nodes, first_node, first_edge, heads)
    for target in lost:
        nodes[HELD][1].append((ELEMENT, len(nodes[HELD][1]), target))
    if table is not None:
        edges = nodes[INTERNED][1]
        edges.append((ELEMENT, 0, index[id(table)]))
        for key in list(table):
            if id(key) not in index and id(key) not in own:
                edges.append((ELEMENT, len(edges), sink.enter(key)))
        key = table = None
        walk.run(tick)
    assert base == len(nodes)


def interned_table(objects):
    # type: (list) -> dict
    """The table of interned strings among objects nothing else holds (3.14+), or None: a dict that
    maps each string to itself. It does not count these references."""
    for o in objects:
        if type(o) is dict and len(o) > 100:
            for key, value in list(o.items()):
                if key is not value or type(key) is not str:
                    break
            else:
                return o
    return None


def _classify(walk, nodes, first_node, first_edge, heads):
    sink = walk.sink
    count = len(sink.objects) - first_node
    if not count:
        return
    lowest = (sink.base + first_node) * STRIDE
    incoming = [0] * count
    e_to, e_type = sink.e_to, sink.e_type
    for place in range(first_edge, len(e_to)):
        target = e_to[place]
        if target >= lowest and e_type[place] != WEAK:
            incoming[target // STRIDE - sink.base - first_node] += 1
    starts = []
    place = first_edge
    for number in range(first_node, first_node + count):
        starts.append(place)
        place += walk.n_edges[number]
    starts.append(place)
    reached = bytearray(count)

    def spread(number):
        stack = [number]
        reached[number] = 1
        while stack:
            at = stack.pop()
            for place in range(starts[at], starts[at + 1]):
                target = e_to[place]
                if target >= lowest and e_type[place] != WEAK:
                    child = target // STRIDE - sink.base - first_node
                    if not reached[child]:
                        reached[child] = 1
                        stack.append(child)

    def tie(group, number):
        edges = nodes[group][1]
        edges.append((ELEMENT, len(edges), (sink.base + first_node + number) * STRIDE))

    refs = walk.n_refs
    for number in range(heads):
        seen = refs[first_node + number]
        if seen >= IMMORTAL or seen > incoming[number]:
            tie(HELD, number)
            if not reached[number]:
                spread(number)
    for number in range(heads):
        if not reached[number]:
            tie(GARBAGE, number)
            spread(number)
