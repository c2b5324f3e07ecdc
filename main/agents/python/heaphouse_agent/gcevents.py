"""Garbage collections as events: a `gc.callbacks` entry that only takes notes.

Who is woken how often matters more than the note: while collections keep coming the agent's thread
looks by itself every POLL_MS instead of being woken for each, so a program that does nothing but
collect gives up the interpreter lock some 20 times a second and not a thousand times.
"""
from .compat import deque, epoch_ms, gc, gil_enabled, monotonic_ms, sys

LIMIT = 4096  # collections kept while nobody reads them; older ones are dropped
POLL_MS = 50
OURS = __file__.rpartition('/')[0] if '/' in __file__ else __file__.rpartition('\\')[0]


class GcWatch(object):
    """Notes each collection in a ring and wakes the agent; the ring is read by its thread."""

    def __init__(self, wake):
        self.events = deque(maxlen=LIMIT)
        self.users = 0
        self.started = 0.0
        self.started_at = 0.0
        self.counts = None
        self.thresholds = None
        self.asked_at = None
        self.polled = False  # the agent's thread looks by itself
        self.callback = self._make(wake)

    def _make(self, wake):
        # Runs inside any allocation of any thread: bound names only, no locks, no imports.
        def heaphouse_gc(phase, info, watch=self, now=monotonic_ms, clock=epoch_ms,
                         counts=gc.get_count, thresholds=gc.get_threshold, frame=sys._getframe):
            try:
                if phase == 'start':
                    watch.counts = count = counts()
                    watch.thresholds = limits = thresholds()
                    if count[0] > limits[0] > 0:
                        watch.asked_at = None
                    else:
                        # No threshold was passed: somebody called gc.collect().
                        caller = frame(1)
                        watch.asked_at = (caller.f_code.co_filename, caller.f_lineno)
                        caller = None
                    watch.started_at = clock()
                    watch.started = now()
                elif watch.started:
                    watch.events.append((info['generation'], watch.started_at,
                                         now() - watch.started, info['collected'],
                                         info['uncollectable'], info.get('candidates'),
                                         watch.counts, watch.thresholds, watch.asked_at))
                    watch.started = 0.0
                    if not watch.polled:
                        wake()
            except Exception:
                pass
        return heaphouse_gc

    def enable(self):
        self.users += 1
        if self.users == 1:
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
        """The notes so far as event parameters, oldest first."""
        self.polled = False
        taken = []
        while self.events:
            (generation, at, pause, collected, uncollectable, candidates,
             counts, thresholds, asked_at) = self.events.popleft()
            event = {'generation': generation, 'startedAt': at, 'pauseMs': pause,
                     'collected': collected, 'uncollectable': uncollectable,
                     'counts': list(counts), 'thresholds': list(thresholds)}
            if not gil_enabled():
                event['trigger'] = 'unknown'  # counts mean something else there
            elif asked_at is None:
                event['trigger'] = 'allocation'
            elif OURS and asked_at[0].startswith(OURS):
                event['trigger'] = 'heaphouse'
            else:
                event['trigger'] = 'explicit'
                event['triggerAt'] = '%s:%s' % (asked_at[0][-300:], asked_at[1])
            if candidates is not None:  # 3.15
                event['candidates'] = candidates
            taken.append(event)
        self.polled = bool(taken)
        return taken


def settings():
    # type: () -> dict
    """The collector as the program has configured it."""
    return {'enabled': gc.isenabled(), 'thresholds': list(gc.get_threshold()),
            'counts': list(gc.get_count()), 'frozen': gc.get_freeze_count(),
            'stats': [dict(s) for s in gc.get_stats()]}


__all__ = ['GcWatch', 'settings']
