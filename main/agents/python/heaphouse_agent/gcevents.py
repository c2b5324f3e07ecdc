"""Garbage collections as events: a `gc.callbacks` entry that only takes notes.

Who is woken how often matters more than the note: while collections keep coming the agent's thread
looks by itself every POLL_MS instead of being woken for each, so a program that does nothing but
collect gives up the interpreter lock some 20 times a second and not a thousand times.
"""
from .compat import array, binascii, deque, epoch_ms, gc, gil_enabled, monotonic_ms, sys, time

LIMIT = 4096  # collections kept while nobody reads them; older ones are dropped
POLL_MS = 50
OURS = __file__.rpartition('/')[0] if '/' in __file__ else __file__.rpartition('\\')[0]


class GcWatch(object):
    """Notes each collection in a ring and wakes the agent; the ring is read by its thread."""

    def __init__(self, wake):
        self.events = deque(maxlen=LIMIT)
        self.users = 0
        self.limits = gc.get_threshold()
        self.polled = False  # the agent's thread looks by itself
        self.callback = self._make(wake)

    def _make(self, wake):
        # Runs inside any allocation of any thread, thousands of times a second in some programs:
        # bound names only, no locks, no imports, times as the clock gives them.
        note, now = self.events.append, time.perf_counter
        counts, frame = gc.get_count, sys._getframe
        watch = self
        began = count = asked_at = None

        def heaphouse_gc(phase, info):
            nonlocal began, count, asked_at
            try:
                if phase == 'start':
                    count = counts()
                    if count[0] > watch.limits[0] > 0:
                        asked_at = None
                    else:
                        # No threshold was passed: somebody called gc.collect().
                        caller = frame(1)
                        asked_at = (caller.f_code.co_filename, caller.f_lineno)
                        caller = None
                    began = now()
                elif began is not None:
                    ended = now()
                    note((began, ended, info['generation'], info['collected'],
                          info['uncollectable'], count, asked_at, info.get('candidates')))
                    began = None
                    if not watch.polled:
                        wake()
            except Exception:
                pass
        return heaphouse_gc

    def enable(self):
        self.users += 1
        if self.users == 1:
            self.limits = gc.get_threshold()
            gc.callbacks.append(self.callback)

    def disable(self):
        if self.users:
            self.users -= 1
            if not self.users:
                self.remove()

    def remove(self):
        # By identity: other entries may have an `__eq__` of their own.
        mine = id(self.callback)
        gc.callbacks[:] = [c for c in gc.callbacks if id(c) != mine]
        self.users = 0

    def take(self):
        # type: () -> list
        """The notes so far, oldest first."""
        self.polled = False
        taken = []
        while self.events:
            taken.append(self.events.popleft())
        self.polled = bool(taken)
        # As they are now; a program changes them a few times in its life.
        self.limits = gc.get_threshold()
        return taken


def clock_offset():
    # type: () -> float
    """What turns seconds of the notes into epoch milliseconds."""
    return epoch_ms() - monotonic_ms()


def event(note, offset, limits):
    # type: (tuple, float, tuple) -> dict
    """One note as parameters of Python.gcFinished."""
    began, ended, generation, collected, uncollectable, counts, asked_at, candidates = note
    found = {'generation': generation, 'startedAt': began * 1000.0 + offset,
             'pauseMs': (ended - began) * 1000.0, 'collected': collected,
             'uncollectable': uncollectable, 'counts': list(counts), 'thresholds': list(limits)}
    if not gil_enabled():
        found['trigger'] = 'unknown'  # counts mean something else there
    elif asked_at is None:
        found['trigger'] = 'allocation'
    elif OURS and asked_at[0].startswith(OURS):
        found['trigger'] = 'heaphouse'
    else:
        found['trigger'] = 'explicit'
        found['triggerAt'] = '%s:%s' % (asked_at[0][-300:], asked_at[1])
    if candidates is not None:  # 3.15
        found['candidates'] = candidates
    return found


def packed(notes, offset, limits):
    # type: (list, float, tuple) -> tuple
    """(rows as base64, the notes that need words of their own): rows of nine doubles. A tenth of
    the work of one message for each, which matters at thousands of collections a second."""
    rows, others = array('d'), []
    for note in notes:
        if note[6] is not None or not gil_enabled():
            others.append(event(note, offset, limits))
            continue
        began, ended, generation, collected, uncollectable, counts, _, candidates = note
        rows.extend((began * 1000.0 + offset, (ended - began) * 1000.0, generation, collected,
                     uncollectable, -1 if candidates is None else candidates) + counts[:3])
    return binascii.b2a_base64(rows.tobytes(), newline=False).decode('ascii'), others


def settings():
    # type: () -> dict
    """The collector as the program has configured it."""
    return {'enabled': gc.isenabled(), 'thresholds': list(gc.get_threshold()),
            'counts': list(gc.get_count()), 'frozen': gc.get_freeze_count(),
            'stats': [dict(s) for s in gc.get_stats()]}


__all__ = ['GcWatch', 'clock_offset', 'event', 'packed', 'settings']
