"""The CDP `HeapProfiler` domain."""
from . import domainruntime, recording, snapshot, workers
from .compat import gc, gil_enabled, monotonic_ms, sys
from .faults import LATER, SERVER, Fault, param

LOOKUP_LIMIT = 20000000  # objects looked at for one id
COUNT_LIMIT = 20000000  # blocks in use: a list of their objects takes up to 80 MB for a moment


def nothing(session, params, number):
    return {}


def begin_snapshot(session, number, path, wanted, progress, shape):
    """Starts a snapshot job; `shape(result)` makes the answer of it."""
    agent = session.agent
    if not gil_enabled():
        raise Fault(SERVER, 'snapshots of free-threaded interpreters are not supported')
    if agent.job is not None:
        raise Fault(SERVER, 'a snapshot is being taken already')

    def reply(result, error):
        if session.connection.gone:
            return
        if error is not None:
            session.fail(number, SERVER, error)
        else:
            session.answer(number, shape(result))

    try:
        job = snapshot.Job(agent, session, path, wanted, progress, reply)
    except ValueError as refused:
        raise Fault(SERVER, str(refused))
    agent.job = job
    job.start()
    return LATER


def take_heap_snapshot(session, params, number):
    progress = param(params, 'reportProgress', bool, False)
    return begin_snapshot(session, number, None, 'auto', progress, lambda result: {})


def record(session, depth=recording.DEFAULT_DEPTH, table_bytes=recording.MAX_TABLE_BYTES):
    try:
        recording.start(session, depth, table_bytes)
    except ValueError as refused:
        raise Fault(SERVER, str(refused))


def start_tracking(session, params, number):
    """As V8: from now on snapshots tell where new objects were allocated. Without trackAllocations
    there is nothing to do: our ids are addresses."""
    if param(params, 'trackAllocations', bool, False) and recording.owner() is not session:
        record(session)
    return {}


def stop_tracking(session, params, number):
    """As V8: a snapshot, then the end of the recording."""
    def shape(result):
        if recording.owner() is session:
            recording.stop()
        return {}
    return begin_snapshot(session, number, None, 'auto', param(params, 'reportProgress', bool, False),
                          shape)


def tracked():
    """How many objects the collector follows; None where counting would take too much memory."""
    return len(gc.get_objects()) if sys.getallocatedblocks() < COUNT_LIMIT else None


def collect(session, number, generation, shape, count=False):
    """Runs the collector (and so finalisers of the program) on a thread of its own."""
    def body():
        before = tracked() if count else None
        began = monotonic_ms()
        stats = gc.get_stats()
        found = gc.collect(generation)
        pause = monotonic_ms() - began
        now = gc.get_stats()
        lost = sum([s['uncollectable'] for s in now]) - sum([s['uncollectable'] for s in stats])
        figures = {'collected': found - lost, 'uncollectable': lost, 'pauseMs': pause}
        if count:
            figures['trackedBefore'], figures['trackedAfter'] = before, tracked()
        result = shape(figures)

        def answer():
            if not session.connection.gone:
                session.answer(number, result)
        session.agent.post(answer)
    workers.spawn(body)
    return LATER


def collect_garbage(session, params, number):
    return collect(session, number, 2, lambda result: {})


def find_address(address):
    """The object at an address, or None. The address is compared, never followed."""
    referents = gc.get_referents
    seen = set()
    pending = gc.get_objects()
    count = 0
    while pending and count < LOOKUP_LIMIT:
        found = []
        for at in range(0, len(pending), 1000):
            batch = pending[at:at + 1000]
            for o in batch:
                if id(o) == address:
                    return o
            count += len(batch)
            for child in referents(*batch):
                place = id(child)
                if place == address:
                    return child
                if place not in seen and not gc.is_tracked(child):
                    seen.add(place)
                    found.append(child)
        pending = found
    return None


def address_of(number):
    """The address an id of our snapshots stands for; None when it is not one."""
    granule = (number >> 16) - 1
    if granule < 0 or granule >= len(snapshot.granules):
        return None
    return (snapshot.granules[granule] << 20) | ((number & 0xFFFF) << 4)


def get_object(session, params, number):
    text = param(params, 'objectId', str, required=True)
    group = param(params, 'objectGroup', str, '')
    address = address_of(int(text)) if text.isdigit() and len(text) < 11 else None
    if address is None:
        raise Fault(SERVER, 'not an object id of a snapshot of this process')
    agent = session.agent
    objects = domainruntime._objects(session)

    def body():
        found = find_address(address)
        result = None if found is None else {'result': objects.describe(found, group)}

        def answer():
            if session.connection.gone:
                return
            if result is None:
                session.fail(number, SERVER, 'the object is gone (or only C code holds it)')
            else:
                session.answer(number, result)
        agent.post(answer)
    workers.spawn(body)
    return LATER


METHODS = {
    'HeapProfiler.enable': nothing,
    'HeapProfiler.disable': nothing,
    'HeapProfiler.takeHeapSnapshot': take_heap_snapshot,
    'HeapProfiler.collectGarbage': collect_garbage,
    'HeapProfiler.getObjectByHeapObjectId': get_object,
    'HeapProfiler.startTrackingHeapObjects': start_tracking,
    'HeapProfiler.stopTrackingHeapObjects': stop_tracking,
}
