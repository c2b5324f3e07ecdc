"""Garbage collections as events: a `gc.callbacks` entry that only takes notes."""
from .compat import deque, epoch_ms, gc, monotonic_ms

LIMIT = 4096  # collections kept while nobody reads them; older ones are dropped


class GcWatch(object):
    """Notes each collection in a ring and wakes the agent; the ring is read by its thread."""

    def __init__(self, wake):
        self.events = deque(maxlen=LIMIT)
        self.users = 0
        self.started = 0.0
        self.started_at = 0.0
        self.callback = self._make(wake)

    def _make(self, wake):
        # Runs inside any allocation of any thread: bound names only, no locks, no imports.
        def heaphouse_gc(phase, info, watch=self, now=monotonic_ms, clock=epoch_ms):
            try:
                if phase == 'start':
                    watch.started = now()
                    watch.started_at = clock()
                elif watch.started:
                    watch.events.append((info['generation'], watch.started_at,
                                         now() - watch.started, info['collected'],
                                         info['uncollectable']))
                    watch.started = 0.0
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
        taken = []
        while self.events:
            generation, at, pause, collected, uncollectable = self.events.popleft()
            taken.append({'generation': generation, 'startedAt': at, 'pauseMs': pause,
                          'collected': collected, 'uncollectable': uncollectable})
        return taken


def settings():
    # type: () -> dict
    """The collector as the program has configured it."""
    return {'enabled': gc.isenabled(), 'thresholds': list(gc.get_threshold()),
            'counts': list(gc.get_count()), 'frozen': gc.get_freeze_count(),
            'stats': [dict(s) for s in gc.get_stats()]}


__all__ = ['GcWatch', 'settings']
