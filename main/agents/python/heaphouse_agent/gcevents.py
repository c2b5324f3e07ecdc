"""Garbage collections as events: a `gc.callbacks` entry that only takes notes.

Where it can be, the entry is a function of C (gcnative.py), which writes rows as clients get them
and leaves to Python what somebody asked for; otherwise it is the function here, for everything.

Who is woken how often matters more than the note: while collections keep coming the agent's thread
looks by itself twice a second, and whenever it is awake for another reason, instead of being woken for
each, so a program that does nothing but collect gives up the interpreter lock twice a
second and not a thousand times. Beyond REST_RATE the callback is taken out for most of the time
and costs nothing, and what happened meanwhile is told as sums: numbers from the interpreter's own totals,
pauses as the mean of those noted before.
"""
from . import cfuncs, gcnative, own
from .compat import binascii, deque, epoch_ms, gc, gil_enabled, monotonic_ms, sys, time

LIMIT = 4096  # collections kept while nobody reads them; older ones are dropped
FIRST_MS = 250  # the first look after there were none, or after a rest: is it time to rest?
POLL_MS = 500
REST_RATE = 1.5  # collections a millisecond of processor time from which on not each is noted,
REST_LEAST = 100  # and so many at one look
REST_MS = 1.2  # without a callback for each that was noted: it takes the program 3 us, a four-hundredth of that
REST_MOST_MS = 3000.0
OURS = __file__.rpartition('/')[0] if '/' in __file__ else __file__.rpartition('\\')[0]


class GcWatch(object):
    """Notes each collection in a ring and wakes the agent; the ring is read by its thread."""

    def __init__(self, wake):
        self.events = deque(maxlen=LIMIT)
        self.users = 0
        self.limits = gc.get_threshold()
        self.polled = False  # the agent's thread looks by itself,
        self.poll_ms = FIRST_MS  # so much later
        self._wake = wake
        self.callback = self._make(wake)
        self.ring = None
        self.looked_at = 0.0
        self.resting = None  # (since, gc.get_stats() then, mean pauses by generation, until)
        self.told = None  # what had been noted at the end of the last rest
        self.summaries = []  # parameters of Python.gcSummary
        self.took_at = 0.0

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
                    looked_at, survived = (None, None) if watch.ring is None else watch.ring.asked()
                    note((began, ended, info['generation'], info['collected'],
                          info['uncollectable'], count, asked_at, info.get('candidates', looked_at), survived))
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
            self.ring = gcnative.ring(self.callback, self._wake)
            if self.ring is not None:
                own.extra.append(self.ring.function)
                self.ring.set('limit', self.limits[0])
                self.ring.set_offset(clock_offset())
            self.looked_at = time.process_time() * 1000.0
            self.resting = self.told = None
            gc.callbacks.append(self.callback if self.ring is None else self.ring.function)

    def disable(self):
        if self.users:
            self.users -= 1
            if not self.users:
                self.remove()

    def remove(self):
        # By identity: other entries may have an `__eq__` of their own.
        self._take_out()
        ring, self.ring = self.ring, None
        self.users = 0
        self.resting = None
        if ring is not None:
            own.extra[:] = [f for f in own.extra if f is not ring.function]
            ring.drop()

    def _take_out(self):
        mine = [id(self.callback)]
        if self.ring is not None:
            mine.append(id(self.ring.function))
        gc.callbacks[:] = [c for c in gc.callbacks if id(c) not in mine]

    def _rest(self, noted, passed):
        """After a look at so many, noted in `passed` milliseconds of the processor: what the callback costs
        the program is its share of that. Is it time to rest, or to go on?"""
        ring = self.ring
        if self.resting is not None:
            since, before, means, until = self.resting
            if monotonic_ms() >= until:
                gc.callbacks.append(ring.function)
                self.resting = None
                self.told = ring.noted()
                self.summaries.append(summary(before, gc.get_stats(), means, since))
        elif noted > max(REST_RATE * passed, REST_LEAST) and not cfuncs.value(ring.busy):
            self._take_out()
            now = monotonic_ms()
            self.resting = (now, gc.get_stats(), means_of(self.told, ring.noted()),
                            now + min(noted * REST_MS, REST_MOST_MS))

    def _add_sums(self, sums):
        """Of collections that came so fast that the ring was full before we looked."""
        now = monotonic_ms()
        if sums:
            offset = clock_offset()
            self.summaries.append({
                'fromAt': (self.took_at or now) + offset, 'toAt': now + offset, 'thresholds': list(self.limits),
                'generations': [{'collections': int(number), 'collected': int(collected),
                                 'uncollectable': int(uncollectable),
                                 'meanPauseMs': pauses / number if number else None}
                                for number, collected, uncollectable, pauses in sums]})
        self.took_at = now

    def take(self):
        # type: () -> tuple
        """What was noted since the last call: (rows of C as bytes, notes of Python)."""
        was, self.polled = self.polled, False
        ring = self.ring
        if ring is not None:
            ring.set('polled', 0)
        rows, taken, noted = b'' if ring is None else ring.take(), [], 0
        if ring is not None:
            sums = ring.take_sums()
            self._add_sums(sums)
            noted = len(rows) // gcnative.ROW + sum([one[0] for one in sums])
        while self.events:
            taken.append(self.events.popleft())
        # As they are now; a program changes them a few times in its life.
        self.limits = gc.get_threshold()
        now = time.process_time() * 1000.0
        rested = self.resting
        if ring is not None and self.users:
            self._rest(noted, now - self.looked_at)
        self.looked_at = now
        self.polled = bool(taken or rows or self.resting or rested)
        if self.resting is not None:
            self.poll_ms = max(1, int(self.resting[3] - monotonic_ms()) + 1)
        else:
            self.poll_ms = POLL_MS if was and rested is None else FIRST_MS
        if ring is not None:
            ring.set('limit', self.limits[0])
            ring.set_offset(clock_offset())
            ring.set('polled', int(self.polled))
        return rows, taken


def means_of(before, after):
    # type: (list, list) -> list
    """Milliseconds by generation of what was noted in between; None where nothing was."""
    before = before or [(0.0, 0.0)] * len(after)
    return [(then - was) / (more - had) if more > had else None
            for (had, was), (more, then) in zip(before, after)]


def summary(before, after, means, since):
    # type: (list, list, list, float) -> dict
    """Parameters of Python.gcSummary: what happened while nothing was noted."""
    generations = []
    for old, new, mean in zip(before, after, means):
        generations.append({
            'collections': new['collections'] - old['collections'],
            'collected': new['collected'] - old['collected'],
            'uncollectable': new['uncollectable'] - old['uncollectable'], 'meanPauseMs': mean})
    offset = clock_offset()
    return {'fromAt': since + offset, 'toAt': monotonic_ms() + offset, 'generations': generations,
            'thresholds': list(gc.get_threshold())}


def clock_offset():
    # type: () -> float
    """What turns seconds of the notes into epoch milliseconds."""
    return epoch_ms() - monotonic_ms()


def event(note, offset, limits):
    # type: (tuple, float, tuple) -> dict
    """One note as parameters of Python.gcFinished."""
    began, ended, generation, collected, uncollectable, counts, asked_at, candidates, survivors = note
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
    if candidates is not None:
        found['candidates'] = candidates
    if survivors is not None:
        found['survivors'] = survivors
    return found


def packed(notes, offset, limits):
    # type: (list, float, tuple) -> tuple
    """(rows as bytes, the notes that need words of their own): rows as gcnative.py has them. A tenth
    of the work of one message for each, which matters at thousands of collections a second."""
    rows, others = [], []
    for note in notes:
        if note[6] is not None or not gil_enabled():
            others.append(event(note, offset, limits))
            continue
        began, ended, generation, collected, uncollectable, counts, _, candidates, _ = note
        rows.append(gcnative.LAYOUT.pack(
            began * 1000.0 + offset, (ended - began) * 1000.0, collected, uncollectable,
            -1 if candidates is None else candidates, -1, counts[0], min(counts[1], 0xFFFF),
            min(counts[2], 0xFFFF), generation))
    return b''.join(rows), others


def text_of(rows):
    # type: (bytes) -> str
    return binascii.b2a_base64(rows, newline=False).decode('ascii')


def unpacked(rows, limits):
    # type: (bytes, tuple) -> list
    """Rows as parameters of Python.gcFinished, for clients that did not ask for batches."""
    found = []
    for at, pause, collected, uncollectable, candidates, survivors, young, middle, old, generation \
            in gcnative.LAYOUT.iter_unpack(rows):
        one = {'generation': generation, 'startedAt': at, 'pauseMs': pause,
               'collected': collected, 'uncollectable': uncollectable,
               'counts': [young, middle, old], 'thresholds': list(limits),
               'trigger': 'allocation'}
        if candidates >= 0:
            one['candidates'] = candidates
        if survivors >= 0:
            one['survivors'] = survivors
        found.append(one)
    return found


def settings():
    # type: () -> dict
    """The collector as the program has configured it."""
    return {'enabled': gc.isenabled(), 'thresholds': list(gc.get_threshold()),
            'counts': list(gc.get_count()), 'frozen': gc.get_freeze_count(),
            'stats': [dict(s) for s in gc.get_stats()]}


__all__ = ['GcWatch', 'clock_offset', 'event', 'packed', 'settings', 'text_of', 'unpacked']
