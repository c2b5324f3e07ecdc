"""Where each object was allocated, for snapshots: recording (every block, exact) and what the
sampling knows (a share of the blocks, with weights). native/record.h says how; heapwalk.c asks the
library for the call of each object and writes the stacks into the file.
"""
from . import cfuncs, native, sampling
from .compat import array, epoch_ms, os, sys
from .sampling import State

DEFAULT_DEPTH, MAX_DEPTH = 64, 256
PIECE_BYTES = 1 << 18  # a piece of the table, for 1 MiB of addresses
MAX_TABLE_BYTES = 1 << 32  # for 16 GiB of addresses
RECORDED, SAMPLED = 1, 2  # kinds of hs_sites
WORDS = 5


class Run(object):
    """A recording at work."""

    def __init__(self, session, depth):
        self.session, self.depth, self.since = session, depth, epoch_ms()


def reused():
    # type: () -> list
    """Classes whose blocks go from one object to the next without the allocator being asked."""
    version = sys.version_info[:2]
    found = ['dict', 'list', 'tuple', 'float', 'slice', '_contextvars.Context']
    if version < (3, 9):
        found += ['method', 'builtin_function_or_method']
    if version < (3, 11):
        found.append('frame')
    if version >= (3, 14):
        found += ['int', 'method', 'range', 'range_iterator', 'list_iterator', 'tuple_iterator']
    return found


def objection():
    # type: () -> str
    """Why nothing can be recorded here, or None. Loads nothing."""
    return sampling.objection() or native.objection()


def start(session, depth=DEFAULT_DEPTH, table_bytes=MAX_TABLE_BYTES):
    """Begins; ValueError says why not."""
    reason = sampling.ready() or native.ready()
    if reason is not None:
        raise ValueError(reason)
    if State.recorder is not None:
        raise ValueError('allocations are being recorded already')
    failed = sampling._give(State.functions['hs_record'], array('Q', [depth, table_bytes // PIECE_BYTES]))
    if failed:
        raise ValueError('recording allocations did not start: ' + os.strerror(failed))
    State.recorder = Run(session, depth)
    sampling.stand_in_front(True)


def owner():
    """The client whose recording runs, or None."""
    return None if State.recorder is None else State.recorder.session


def stop():
    """Ends, and gives the tables back."""
    if State.recorder is not None:
        State.recorder = None
        State.functions['hs_end_record']()
        sampling.stand_in_front(sampling.running())
        sampling.clear()


def state():
    # type: () -> dict
    run = State.recorder
    if run is None:
        return {'recording': False}
    block = sampling.figures()
    return {'recording': True, 'since': run.since, 'stackDepth': run.depth,
            'interrupted': not block[9], 'calls': block[10],
            'tableBytes': block[11] * PIECE_BYTES, 'dropped': block[12],
            'exact': bool(block[13])}


def for_snapshot(mode):
    # type: (str) -> tuple
    """(kind of hs_sites or 0, what the head of the snapshot says or None)."""
    if State.functions is None or (State.recorder is None and not sampling.running()):
        return 0, None
    block = sampling.figures()
    recorder = State.recorder
    if recorder is not None:
        about = {'by': 'recording', 'since': recorder.since, 'dropped': block[12]}
        whole, exact = block[9], bool(block[13])
    else:
        about = {'by': 'sampling', 'samplingInterval': block[6], 'dropped': block[5]}
        whole, exact = block[1], False
    about['unsureClasses'] = [] if exact else reused()
    reason = None
    if mode not in ('clone', 'stopTheWorld'):
        reason = 'only the native walker writes stacks of allocations'
    elif not whole:
        reason = ('another tool has taken our hooks out of the allocators (tracemalloc does when it '
                  'was started before and is stopped), so freed blocks may have gone unseen')
    if reason is not None:
        about['missing'] = reason
        return 0, about
    return (RECORDED if recorder is not None else SAMPLED), about


def finder(kind):
    # type: (int) -> int
    """Address of the C function that tells the walker of the stacks of that kind; 0: none."""
    return cfuncs.address_in(State.library, 'hs_sites') if kind else 0


__all__ = ['finder', 'for_snapshot', 'objection', 'owner', 'start', 'state', 'stop']
