"""Writes the columns of a walk as `.heapsnapshot` text, in blocks, through a sink."""
from .codec import encode, quote
from .compat import IMMORTAL, array
from .naming import EDGE_TYPES, NODE_TYPES, SYNTHETIC
from .sizes import LARGEST
from .walk import STRIDE

NODES = 8192  # nodes per block of output
MAX_GRANULES = 65535  # 1 MiB pieces of address space that get ids: 64 GiB

META = {
    'node_fields': ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id',
                    'detachedness', 'refcount', 'class_name'],
    'node_types': [NODE_TYPES, 'string', 'number', 'number', 'number', 'number', 'number',
                   'number', 'string'],
    'edge_fields': ['type', 'name_or_index', 'to_node'],
    'edge_types': [EDGE_TYPES, 'string_or_number', 'node'],
    'trace_function_info_fields': ['function_id', 'name', 'script_name', 'script_id', 'line',
                                   'column'],
    'trace_node_fields': ['id', 'function_info_index', 'count', 'size', 'children'],
    'sample_fields': ['timestamp_us', 'last_assigned_id'],
    'location_fields': ['object_index', 'script_id', 'line', 'column'],
}
assert len(META['node_fields']) == STRIDE


class Identities(object):
    """Object ids: granule number << 16 | (address & 0xfffff) >> 4.

    They fit 32 bits, and stay the same between snapshots of a process because the table of
    granules (1 MiB pieces of address space, in order of first sight) is kept by the agent.
    Numbers start at 1: ids below 65536 belong to synthetic nodes.
    """

    def __init__(self, known):
        # type: (list) -> None
        self.order = known
        self.shift = {}
        self.full = False
        for number, granule in enumerate(known):
            self.shift[granule] = ((number + 1) - granule) << 16

    def add(self, addresses):
        for granule in sorted(set([a >> 20 for a in addresses])):
            if granule not in self.shift:
                number = len(self.order) + 1
                if number > MAX_GRANULES:
                    self.full = True
                    number = MAX_GRANULES  # ids above 64 GiB of spread are no longer unique
                else:
                    self.order.append(granule)
                self.shift[granule] = (number - granule) << 16


def _numbers(values):
    # type: (array) -> bytes
    return str(values.tolist())[1:-1].replace(' ', '').encode('ascii')


def write(walk, nodes, header, known, sink, tick):
    """Writes the whole file. `known` is the list of granules, extended in place.

    tick(done, total) is called per block and may raise.
    """
    graph = walk.sink
    synthetic_edges = sum([len(edges) for _, edges in nodes])
    node_count = len(nodes) + len(graph.objects)
    edge_count = synthetic_edges + len(graph.e_to)
    names = graph.names
    titles = [names.whole(title[:300]) for title, _ in nodes]
    class_sid = names.whole('(root)')
    identities = Identities(known)
    header = dict(header)
    snapshot = {'meta': META, 'node_count': node_count, 'edge_count': edge_count,
                'trace_function_count': 0, 'heaphouse': header}
    # Ids need the granules of every object: gathered first, in blocks.
    objects = graph.objects
    addresses = array('Q', map(id, objects))
    for at in range(0, len(addresses), 1 << 16):
        identities.add(addresses[at:at + (1 << 16)])
    if identities.full:
        header['limits'] = dict(header['limits'], idsUnique=False)
    sink.write(('{"snapshot":' + encode(snapshot)).encode('ascii'))

    sink.write(b',\n"nodes":[')
    flat = array('I')
    for number, (_, edges) in enumerate(nodes):
        flat.extend((SYNTHETIC, titles[number], number * 2 + 1, 0, len(edges), 0, 0, 0, class_sid))
    sink.write(_numbers(flat))
    _write_nodes(walk, addresses, identities.shift, sink, tick)

    sink.write(b'],\n"edges":[')
    flat = array('I')
    for _, edges in nodes:
        for edge in edges:
            flat.extend(edge)
    sink.write(_numbers(flat))
    total = len(graph.e_to)
    for at in range(0, total, NODES * 2):
        end = min(total, at + NODES * 2)
        flat = array('I', bytes(12 * (end - at)))
        flat[0::3] = array('I', list(graph.e_type[at:end]))
        flat[1::3] = graph.e_name[at:end]
        flat[2::3] = graph.e_to[at:end]
        sink.write(b',')
        sink.write(_numbers(flat))
        tick(len(objects), len(objects))

    sink.write(b'],\n"trace_function_infos":[],\n"trace_tree":[],\n"samples":[],\n'
               b'"locations":[],\n"strings":[')
    block = []
    first = True
    for text in names.table:
        block.append(quote(text))
        if len(block) >= NODES:
            sink.write((('' if first else ',') + ','.join(block)).encode('ascii'))
            first, block = False, []
    if block:
        sink.write((('' if first else ',') + ','.join(block)).encode('ascii'))
    sink.write(b']}\n')
    sink.flush()
    return {'nodes': node_count, 'edges': edge_count, 'bytes': sink.bytes}


def _write_nodes(walk, addresses, shift, sink, tick):
    count = len(addresses)
    kinds, classes = walk.plan_type, walk.plan_class
    for at in range(0, count, NODES):
        end = min(count, at + NODES)
        size = end - at
        plans = walk.n_plan[at:end].tolist()
        flat = array('I', bytes(4 * STRIDE * size))
        flat[0::STRIDE] = array('I', [kinds[p] for p in plans])
        flat[1::STRIDE] = walk.n_name[at:end]
        flat[2::STRIDE] = array('I', [(a >> 4) + shift[a >> 20] for a in addresses[at:end]])
        sizes = walk.n_size[at:end].tolist()
        if max(sizes) > LARGEST:
            sizes = [s if s <= LARGEST else LARGEST for s in sizes]
        flat[3::STRIDE] = array('I', sizes)
        flat[4::STRIDE] = walk.n_edges[at:end]
        flat[7::STRIDE] = array('I', [r if r < IMMORTAL else 0 for r in walk.n_refs[at:end]])
        flat[8::STRIDE] = array('I', [classes[p] for p in plans])
        sink.write(b',')
        sink.write(_numbers(flat))
        tick(end, count)
