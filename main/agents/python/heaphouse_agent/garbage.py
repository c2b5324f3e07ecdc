"""Cyclic garbage, looked at before it goes: the next collection with gc.DEBUG_SAVEALL semantics.

What the collector does in such a collection is what it always does - weak references to the
garbage are cleared and their callbacks run, finalisers (`__del__`) run, what they bring back to
life stays - but instead of being freed the objects are put into `gc.garbage`. From there they are
taken, grouped into cycles, and let go; a second collection frees them (no finaliser runs twice).
The program's debug flags and its own `gc.garbage` are as before, item by item.
"""
from . import referrers
from .compat import gc, monotonic_ms, sys
from .fields import short
from .sizes import sizer
from .static import class_name

MAX_OBJECTS = 200000  # grouped into cycles; of the rest only types are counted
MAX_GROUPS = 200
MAX_SHOWN = 24  # objects of a cycle shown with their edges
MAX_EDGES = 80
MAX_TYPES = 200
MAX_UNCOLLECTABLE = 100
SAVEALL = 32


def collect(generation, deadline_ms):
    # type: (int, float) -> dict
    """The result of Python.exploreGarbage. Runs on a worker of ours."""
    flags, garbage = gc.get_debug(), gc.garbage
    before = set(map(id, garbage))
    uncollectable = list_uncollectable(garbage)
    blocks = sys.getallocatedblocks()
    began = monotonic_ms()
    gc.set_debug(SAVEALL)  # alone: other flags print
    try:
        gc.collect(generation)
    finally:
        gc.set_debug(flags)
    pause = monotonic_ms() - began
    found = [o for o in garbage if id(o) not in before]
    kept = bool(flags & SAVEALL)  # the program itself keeps everything: it stays where it is
    if not kept:
        taken = set(map(id, found))
        garbage[:] = [o for o in garbage if id(o) not in taken]
        taken.clear()
    began = monotonic_ms()
    result = describe(found, began + deadline_ms)
    result['lookMs'] = monotonic_ms() - began
    number = len(found)
    del found[:]
    began = monotonic_ms()
    gc.collect()
    result.update({
        'objects': number, 'pauseMs': pause, 'releaseMs': monotonic_ms() - began,
        'releasedBlocks': max(0, blocks - sys.getallocatedblocks()), 'keptByProgram': kept,
        'uncollectable': uncollectable, 'uncollectableCount': len(garbage),
    })
    return result


def list_uncollectable(garbage):
    """What stands in gc.garbage already."""
    listed = []
    for place in range(min(len(garbage), MAX_UNCOLLECTABLE)):
        listed.append({'type': class_name(type(garbage[place])), 'text': short(garbage[place])[:120],
                       'address': '%x' % id(garbage[place])})
    return listed


def describe(found, deadline):
    # type: (list, float) -> dict
    """Cycles, grouped by what they look like."""
    types, sizes, plans = {}, [], {}
    for o in found:
        cls = type(o)
        plan = plans.get(id(cls))
        if plan is None:
            plan = plans[id(cls)] = (class_name(cls), sizer(cls), cls)
        size = plan[1](o)
        sizes.append(size)
        row = types.setdefault(plan[0], [0, 0])
        row[0] += 1
        row[1] += size
    o = None
    cut = len(found) > MAX_OBJECTS
    size_of = len(found) if not cut else MAX_OBJECTS
    index = {}
    for place in range(size_of):
        index[id(found[place])] = place
    edges, atoms = links(found, index, size_of, deadline)
    cut = cut or len(edges) < size_of
    size_of = len(edges)
    held = exclusive(atoms)
    components = cycles(edges)
    groups = group(found, edges, components, sizes, held, plans)
    in_cycles = sum([len(c) for c in components])
    listed = sorted(groups, key=lambda g: -g['bytes'])
    total_types = sorted(types.items(), key=lambda t: -t[1][1])
    return {
        'cycles': len(components), 'inCycles': in_cycles, 'cut': cut,
        'bytes': sum(sizes), 'heldBytes': sum(held.values()),
        'types': [{'type': name, 'objects': row[0], 'bytes': row[1]}
                  for name, row in total_types[:MAX_TYPES]],
        'groups': listed[:MAX_GROUPS], 'groupCount': len(listed),
    }


def links(found, index, size_of, deadline):
    """(edges of each object to others of the garbage, atoms: address -> [object, references, by])."""
    referents = gc.get_referents
    edges, atoms = [], {}
    for place in range(size_of):
        if not place % 1000 and monotonic_ms() > deadline:
            break
        out = []
        for child in referents(found[place]):
            at = index.get(id(child))
            if at is not None:
                out.append(at)
            elif not gc.is_tracked(child):
                entry = atoms.get(id(child))
                if entry is None:
                    atoms[id(child)] = [child, 1, place]
                else:
                    entry[1] += 1
        edges.append(out)
    return edges, atoms


def exclusive(atoms):
    """Bytes of strings, numbers and such that only the garbage holds, by the object that holds
    them first."""
    held, plans = {}, {}
    for entry in atoms.values():
        # The entry itself, and what is on the stack for the call.
        if sys.getrefcount(entry[0]) - 2 == entry[1]:
            cls = type(entry[0])
            plan = plans.get(id(cls))
            if plan is None:
                plan = plans[id(cls)] = (sizer(cls), cls)
            held[entry[2]] = held.get(entry[2], 0) + plan[0](entry[0])
    return held


def cycles(edges):
    # type: (list) -> list
    """Strongly connected components of more than one object, or of one that refers to itself.
    Tarjan's algorithm without recursion."""
    count = len(edges)
    order, low = [0] * count, [0] * count
    on_stack = bytearray(count)
    stack, found, number = [], [], 0
    for root in range(count):
        if order[root]:
            continue
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                number += 1
                order[node] = low[node] = number
                stack.append(node)
                on_stack[node] = 1
            out = edges[node]
            deeper = False
            while at < len(out):
                child = out[at]
                at += 1
                if child >= count:
                    continue
                if not order[child]:
                    work.append((node, at))
                    work.append((child, 0))
                    deeper = True
                    break
                if on_stack[child] and order[child] < low[node]:
                    low[node] = order[child]
            if deeper:
                continue
            if low[node] == order[node]:
                members = []
                while True:
                    one = stack.pop()
                    on_stack[one] = 0
                    members.append(one)
                    if one == node:
                        break
                if len(members) > 1 or node in out:
                    members.reverse()
                    found.append(members)
            if work:
                parent = work[-1][0]
                if low[node] < low[parent]:
                    low[parent] = low[node]
    return found


def group(found, edges, components, sizes, held, plans):
    """Cycles that look the same - types and how many - as one line, one of them shown."""
    member_of = {}
    for number, members in enumerate(components):
        for one in members:
            member_of[one] = number
    tails = tails_of(edges, components, member_of)
    groups, order = {}, []
    for number, members in enumerate(components):
        counts = {}
        for one in members:
            name = plans[id(type(found[one]))][0]
            counts[name] = counts.get(name, 0) + 1
        inner = sum([len([c for c in edges[one] if member_of.get(c) == number])
                     for one in members])
        key = (tuple(sorted(counts.items())), inner)
        entry = groups.get(key)
        if entry is None:
            entry = groups[key] = {'count': 0, 'objectsEach': len(members), 'bytes': 0,
                                   'heldBytes': 0, 'attached': 0, 'sample': members,
                                   'types': [{'type': n, 'objects': c} for n, c in
                                             sorted(counts.items(), key=lambda i: -i[1])[:20]]}
            order.append(entry)
        entry['count'] += 1
        everything = members + tails[number]
        entry['attached'] += len(tails[number])
        entry['bytes'] += sum([sizes[one] for one in everything])
        entry['heldBytes'] += sum([held.get(one, 0) for one in everything])
    listed = sorted(order, key=lambda g: -g['bytes'])
    for entry in listed[:MAX_GROUPS]:
        entry.update(picture(found, edges, entry['sample'], plans))
    for entry in listed:
        del entry['sample']
    return listed


def tails_of(edges, components, member_of):
    """Garbage that is in no cycle and hangs on one: given to the first that reaches it."""
    taken = {}
    tails = [[] for _ in components]
    for number, members in enumerate(components):
        pending = list(members)
        while pending:
            for child in edges[pending.pop()]:
                if child < len(edges) and child not in member_of and child not in taken:
                    taken[child] = number
                    tails[number].append(child)
                    pending.append(child)
    return tails


def picture(found, edges, members, plans):
    """Objects of one cycle with the names of the references between them."""
    shown = members[:MAX_SHOWN]
    place = {id(found[one]): at for at, one in enumerate(shown)}
    objects, named = [], []
    for at, one in enumerate(shown):
        cls = type(found[one])
        objects.append({'type': plans[id(cls)][0], 'text': short(found[one])[:120],
                        'address': '%x' % id(found[one])})
        for child in edges[one]:
            to = place.get(id(found[child]))
            if to is not None and len(named) < MAX_EDGES:
                pair = (at, to)
                if not [e for e in named if (e['from'], e['to']) == pair]:
                    for name, kind in edge_texts(found[one], id(found[child])):
                        named.append({'from': at, 'to': to, 'name': name[:100], 'kind': kind})
    return {'objects': objects, 'edges': named}


def edge_texts(holder, address):
    cls = type(holder)
    if cls is dict:
        return referrers.dict_names(holder, address)
    if cls is list or cls is tuple:
        return [('[%d]' % at, 'element') for at, item in enumerate(holder) if id(item) == address]
    return referrers.edge_names(holder, address)
