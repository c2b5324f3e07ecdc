"""The part of the `Python` domain about allocators, memory and the collector's settings."""
from . import allocators, gcevents, selfmemory, snapshot, workers
from .compat import binascii, gc, monotonic_ms
from .faults import LATER, PARAMS, SERVER, Fault, param

MAX_ADDRESSES = 1000


def on_worker(session, number, work):
    """Answers `work()` from a thread of its own, so that the agent stays reachable."""
    agent = session.agent

    def body():
        result = error = None
        try:
            result = work()
        except Exception as failure:
            error = '%s: %s' % (type(failure).__name__, failure)

        def answer():
            if session.connection.gone:
                return
            if error is not None:
                session.fail(number, SERVER, error)
            else:
                session.answer(number, result)
        agent.post(answer)
    workers.spawn(body)
    return LATER


def get_allocator_statistics(session, params, number):
    return allocators.Reader(session.agent.meter).read()


def trim_malloc(session, params, number):
    reader = allocators.Reader(session.agent.meter)

    def work():
        began = monotonic_ms()
        done = reader.trim()
        return {'actions': done, 'elapsedMs': monotonic_ms() - began}
    return on_worker(session, number, work)


def ranges_of(params, name, most):
    """A list of pairs of integers from hexadecimal text and a number or two texts."""
    found = []
    for pair in param(params, name, list, required=True):
        if type(pair) is not list or len(pair) != 2 or len(found) >= most:
            raise Fault(PARAMS, "'%s' must be at most %d pairs" % (name, most))
        try:
            first = int(pair[0], 16)
            second = int(pair[1], 16) if type(pair[1]) is str else pair[1]
        except (TypeError, ValueError):
            raise Fault(PARAMS, "'%s' holds something that is no address" % name)
        if type(second) is not int or first < 0 or second < 0:
            raise Fault(PARAMS, "'%s' holds something that is no range" % name)
        found.append((first, second))
    return found


def read_memory(session, params, number):
    take = param(params, 'bytes', int, required=True)
    stride = param(params, 'stride', int, take)
    reads = ranges_of(params, 'reads', selfmemory.MAX_RANGES)
    total = 0
    for _, count in reads:
        total += count * take
        if count < 1 or stride * count > selfmemory.MAX_READ:
            raise Fault(PARAMS, 'a range is empty or too long')
    if not 0 < take <= stride or total > selfmemory.MAX_ANSWER:
        raise Fault(PARAMS, 'too much at once: at most %d bytes' % selfmemory.MAX_ANSWER)

    def work():
        data, lost = selfmemory.pieces(reads, take, stride)
        return {'data': binascii.b2a_base64(data, newline=False).decode('ascii'), 'lost': lost}
    return on_worker(session, number, work)


def find_memory(session, params, number):
    needles = []
    for text in param(params, 'needles', list, required=True):
        try:
            needle = binascii.unhexlify(text)
        except (TypeError, ValueError):
            raise Fault(PARAMS, "'needles' must be hexadecimal texts")
        if len(needle) != 8 or len(needles) >= 16:
            raise Fault(PARAMS, "'needles' must be at most 16 words of 8 bytes")
        needles.append(needle)
    ranges = ranges_of(params, 'ranges', selfmemory.MAX_RANGES)
    if sum([max(0, end - start) for start, end in ranges]) > selfmemory.MAX_SEARCH:
        raise Fault(PARAMS, 'too much to search')

    def work():
        found = selfmemory.search(needles, ranges, selfmemory.MAX_FOUND)
        return {'addresses': ['%x' % a for a in found]}
    return on_worker(session, number, work)


def get_gc_state(session, params, number):
    state = gcevents.settings()
    state['debugFlags'] = gc.get_debug()
    state['garbage'] = len(gc.garbage)
    return state


def get_heap_object_ids(session, params, number):
    """Ids that addresses have in the snapshots of this process; None before a snapshot has seen
    that part of the address space."""
    numbers = {}
    for position, granule in enumerate(snapshot.granules):
        numbers[granule] = position + 1
    ids = []
    for text in param(params, 'addresses', list, required=True)[:MAX_ADDRESSES]:
        try:
            address = int(text, 16)
        except (TypeError, ValueError):
            raise Fault(PARAMS, "'addresses' must be hexadecimal texts")
        granule = numbers.get(address >> 20)
        ids.append(None if granule is None else granule << 16 | (address & 0xfffff) >> 4)
    return {'ids': ids}


METHODS = {
    'Python.getHeapObjectIds': get_heap_object_ids,
    'Python.getAllocatorStatistics': get_allocator_statistics,
    'Python.trimMalloc': trim_malloc,
    'Python.readMemory': read_memory,
    'Python.findMemory': find_memory,
    'Python.getGcState': get_gc_state,
}
