"""The `Python` domain: what no standard domain of the protocol has a place for."""
from . import cfuncs, domainheap, forking, gcevents, native, recording, rendezvous, sampling
from .compat import gil_enabled, os, sys
from .faults import LATER, PARAMS, SERVER, Fault, param


def enable(session, params, number):
    if 'gc' not in session.enabled:
        session.enabled.add('gc')
        session.agent.gc.enable()
    if param(params, 'batches', bool, False):
        session.enabled.add('gcBatches')
    return {}


def disable(session, params, number):
    if 'gc' in session.enabled:
        session.enabled.discard('gc')
        session.enabled.discard('gcBatches')
        session.agent.gc.disable()
    return {}


def allocator():
    # type: () -> str
    """The allocator of small objects: 'pymalloc', 'mimalloc' or 'malloc'."""
    wanted = os.environ.get('PYTHONMALLOC', '') if not sys.flags.ignore_environment else ''
    if not sys.getallocatedblocks():
        return 'malloc'
    if 'mimalloc' in wanted or not gil_enabled():
        return 'mimalloc'
    return 'pymalloc'


def get_info(session, params, number):
    gil = gil_enabled()
    reason = forking.objection()
    lacking = native.objection()
    unsampled = sampling.objection()
    unrecorded = recording.objection()
    uninterned = (None if sys.version_info >= (3, 14) and gil
                  else lacking or native.interned_objection())
    return {
        'version': '.'.join([str(n) for n in sys.version_info[:3]]),
        'versionText': sys.version, 'implementation': sys.implementation.name,
        'agentVersion': session.agent.version, 'pid': os.getpid(),
        'executable': sys.executable if type(sys.executable) is str else '',
        'argv': rendezvous.arguments(), 'allocator': allocator(), 'gilEnabled': gil,
        'startedBy': session.agent.origin,
        'capabilities': {
            'heapSnapshot': {'available': gil} if gil else {
                'available': False, 'reason': 'free-threaded interpreters are not supported'},
            'forkedSnapshot': {'available': True} if gil and not reason else {
                'available': False, 'reason': reason or 'free-threaded interpreter'},
            'nativeHelper': {'available': not lacking} if not lacking else {
                'available': False, 'reason': lacking},
            'allocatorStatistics': {'available': cfuncs.available} if cfuncs.available else {
                'available': False, 'reason': 'this Python was built without _ctypes'},
            'allocationSampling': {'available': not unsampled} if not unsampled else {
                'available': False, 'reason': unsampled},
            'allocationRecording': {'available': not unrecorded} if not unrecorded else {
                'available': False, 'reason': unrecorded},
            'cpuProfile': {'available': True},
            'gcEvents': {'available': True},
            'internedStrings': {'available': not uninterned} if not uninterned else {
                'available': False, 'reason': uninterned},
            'subinterpreters': {'available': False,
                                'reason': 'the agent looks into the main interpreter only'},
            'evaluate': {'available': True},
        },
        'gc': gcevents.settings(),
    }


def get_memory_usage(session, params, number):
    return session.agent.meter.read(param(params, 'sparing', bool, False))


def collect_garbage(session, params, number):
    generation = param(params, 'generation', int, 2)
    if not 0 <= generation <= 2:
        raise Fault(PARAMS, "'generation' must be 0, 1 or 2")
    count = param(params, 'countObjects', bool, False)
    return domainheap.collect(session, number, generation, lambda result: result, count)


def write_heap_snapshot(session, params, number):
    path = param(params, 'path', str, required=True)
    mode = param(params, 'mode', str, 'auto')
    if mode not in ('auto', 'clone', 'stopTheWorld', 'fork', 'inProcess'):
        raise Fault(PARAMS, "'mode' must be auto, clone, stopTheWorld, fork or inProcess")
    if not os.path.isabs(path) or '\0' in path:
        raise Fault(PARAMS, "'path' must be absolute")
    progress = param(params, 'reportProgress', bool, True)
    return domainheap.begin_snapshot(session, number, path, mode, progress, lambda result: result)


def cancel_heap_snapshot(session, params, number):
    job = session.agent.job
    if job is None:
        raise Fault(SERVER, 'no snapshot is being taken')
    job.cancel()
    return {}


def whole(params, name, default, least, most):
    value = param(params, name, int, default)
    if not least <= value <= most:
        raise Fault(PARAMS, "'%s' must be a whole number from %d to %d" % (name, least, most))
    return value


def start_recording(session, params, number):
    depth = whole(params, 'stackDepth', recording.DEFAULT_DEPTH, 1, recording.MAX_DEPTH)
    most = whole(params, 'maxTableBytes', recording.MAX_TABLE_BYTES, recording.PIECE_BYTES,
                 recording.MAX_TABLE_BYTES)
    domainheap.record(session, depth, most)
    return recording.state()


def stop_recording(session, params, number):
    if recording.owner() is not session:
        raise Fault(SERVER, 'no recording of allocations was started by this client')
    recording.stop()
    return recording.state()


def get_recording(session, params, number):
    return recording.state()


def detach(session, params, number):
    """Answers, then leaves: the connection closes when nothing of the agent is left."""
    agent = session.agent
    session.answer(number, {})

    def leave():
        agent.server.running = False
    agent.post(leave)
    return LATER


METHODS = {
    'Python.enable': enable,
    'Python.disable': disable,
    'Python.getInfo': get_info,
    'Python.getMemoryUsage': get_memory_usage,
    'Python.collectGarbage': collect_garbage,
    'Python.writeHeapSnapshot': write_heap_snapshot,
    'Python.cancelHeapSnapshot': cancel_heap_snapshot,
    'Python.startAllocationRecording': start_recording,
    'Python.stopAllocationRecording': stop_recording,
    'Python.getAllocationRecording': get_recording,
    'Python.detach': detach,
}
