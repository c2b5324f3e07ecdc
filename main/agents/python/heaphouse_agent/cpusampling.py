"""CPU profile: what the threads of the program were doing, looked at every so often.

A thread of ours takes the interpreter's lock once a tick and notes the stacks of the threads that
used the processor since the last one (by the kernel's account where the thread's number is known,
else by whether their place in the code has changed). Nothing of the program is called; where the
program holds the lock for long, ticks come when it lets go.
"""
from . import own, workers
from .compat import LINUX, _thread, array, os, sys, time
from .profiles import Frames, plain_frame
from .static import Module, module_dict, shadows_instance

DEFAULT_INTERVAL_US = 10000
MIN_INTERVAL_US = 1000
MAX_SAMPLES = 2000000  # 16 bytes each; then the profile ends
MAX_THREADS = 64
MAX_DEPTH = 512
BUSY_SHARE = 0.05  # of a tick on the processor: a thread did something
ROOT, IDLE = 0, 1


def names():
    # type: () -> dict
    """identifier -> (name, number of the system) of the threads `threading` knows."""
    found = {}
    module = sys.modules.get('threading')
    active = module_dict(module).get('_active') if type(module) is Module else None
    if type(active) is not dict:
        return found
    for ident, thread in list(active.items()):
        if shadows_instance(type(thread), '_name') or shadows_instance(type(thread), '_native_id'):
            continue
        try:
            name = object.__getattribute__(thread, '_name')
            number = object.__getattribute__(thread, '_native_id')
        except AttributeError:
            continue
        if type(name) is str and (number is None or type(number) is int):
            found[ident] = name[:100], number
    return found


def processor_ns(number):
    # type: (int) -> int
    """Time a thread has spent on the processor; None where the system does not tell."""
    if number is None or not LINUX:
        return None
    try:
        fd = os.open('/proc/self/task/%d/schedstat' % number, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(fd, 100).split()[0])
        finally:
            os.close(fd)
    except (OSError, ValueError, IndexError):
        return None


class Sampler(object):
    def __init__(self, session, interval_us, main_ident):
        self.session = session
        self.interval = interval_us / 1e6
        self.main_ident = main_ident
        self.nodes = [(ROOT, None, '(root)'), (ROOT, None, '(idle)')]  # parent, code, title
        self.index = {}
        self.hits = [0, 0]
        self.lines = {}  # (node, line) -> hits
        self.samples = array('I')
        self.deltas = array('I')
        self.seen = {}  # thread -> (processor time, place)
        self.stopping = _thread.allocate_lock()
        self.stopping.acquire()
        self.ended = _thread.allocate_lock()
        self.ended.acquire()
        self.began = self.last = time.perf_counter()
        self.finished = None
        self.full = False

    def start(self):
        workers.spawn(self.run)

    def stop(self):
        """Asks the thread to end; `ended` is released when it has."""
        try:
            self.stopping.release()
        except RuntimeError:
            pass

    def run(self):
        try:
            due = self.began
            while True:
                due = max(due + self.interval, time.perf_counter())
                patience = max(0.0005, due - time.perf_counter())
                if workers.calmly(self.stopping.acquire, True, patience):
                    break
                self.tick()
                if len(self.samples) >= MAX_SAMPLES:
                    self.full = True
                    break
        finally:
            self.finished = time.perf_counter()
            self.ended.release()

    def tick(self):
        known = names()
        now = time.perf_counter()
        elapsed, self.last = now - self.last, now
        busy, seen = [], {}
        frames = sys._current_frames()
        for ident in list(frames)[:MAX_THREADS]:
            if ident in own.threads:
                continue
            frame = frames[ident]
            name, number = known.get(ident, (None, None))
            if ident == self.main_ident:
                name, number = name or 'MainThread', os.getpid()
            spent = processor_ns(number)
            place = (id(frame.f_code), frame.f_lasti)
            before = self.seen.get(ident)
            seen[ident] = spent, place
            if before is None:
                active = spent is None
            elif spent is None or before[0] is None:
                active = before[1] != place
            else:
                active = spent - before[0] > elapsed * 1e9 * BUSY_SHARE
            if active:
                busy.append((name or 'thread %d' % ident, frame))
        del frames
        self.seen = seen
        share = int(elapsed * 1e6 / max(1, len(busy)))
        for name, frame in busy:
            self.note(name, frame, share)
        if not busy:
            self.add(IDLE, share)
        frame = busy = None  # noqa: F841 - they hold frames of the program

    def note(self, name, frame, share):
        stack = []
        while frame is not None and len(stack) < MAX_DEPTH:
            stack.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back
        node = self.child(ROOT, None, name)
        for at in range(len(stack) - 1, -1, -1):
            node = self.child(node, stack[at][0], None)
        line = stack[0][1]
        if line:
            key = node, line
            self.lines[key] = self.lines.get(key, 0) + 1
        self.add(node, share)

    def child(self, parent, code, title):
        key = parent, id(code) if code is not None else title
        node = self.index.get(key)
        if node is None:
            node = self.index[key] = len(self.nodes)
            self.nodes.append((parent, code, title))
            self.hits.append(0)
        return node

    def add(self, node, share):
        self.hits[node] += 1
        self.samples.append(node)
        self.deltas.append(min(share, 0xFFFFFFFF))

    def profile(self):
        # type: () -> str
        """The CDP `Profile`. Only after the thread has ended."""
        frames = Frames()
        inner = [[] for _ in self.nodes]
        for at in range(1, len(self.nodes)):
            inner[self.nodes[at][0]].append(str(at + 1))
        ticks = {}
        for (node, line), hits in sorted(self.lines.items()):
            ticks.setdefault(node, []).append('{"line":%d,"ticks":%d}' % (line, hits))
        rows = []
        for at, (_, code, title) in enumerate(self.nodes):
            frame = plain_frame(title) if code is None else frames.text(code, code.co_firstlineno)
            more = ',"children":[%s]' % ','.join(inner[at]) if inner[at] else ''
            if at in ticks:
                more += ',"positionTicks":[%s]' % ','.join(ticks[at])
            rows.append('{"id":%d,"callFrame":%s,"hitCount":%d%s}' % (at + 1, frame, self.hits[at],
                                                                      more))
        return '{"nodes":[%s],"startTime":%d,"endTime":%d,"samples":[%s],"timeDeltas":[%s]}' % (
            ','.join(rows), self.began * 1e6, self.finished * 1e6,
            ','.join([str(node + 1) for node in self.samples]), ','.join(map(str, self.deltas)))


__all__ = ['Sampler']
