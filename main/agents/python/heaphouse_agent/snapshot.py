"""Taking a heap snapshot: choosing the mode, collecting the roots, running and ending the job."""
from . import forking, own, residue, roots as roots_module, websocket, writer
from .codec import decode, encode
from .compat import array, gc, high_fd, monotonic_ms, epoch_ms, os, sys, time
from .sink import ChunkSink, FileSink
from .walk import Walk

PROGRESS_MS = 100.0  # time between two progress events
granules = []  # see writer.Identities: kept for the life of the agent


class Cancelled(Exception):
    pass


def _version():
    return '.'.join([str(n) for n in sys.version_info[:3]])


def _scaled(tick, estimate):
    """Progress of the two halves, walking and writing, as one count."""
    def walked(done, known):
        tick(done, 2 * max(known, estimate))

    def written(done, known):
        tick(known + done, 2 * known)
    return walked, written


def produce(plan, sink, tick):
    """Walks and writes; the same in a copy and in the living process. Returns the counts.

    Has no cell variables: cells of a running frame could not be told from the program's.
    """
    roots, marks = plan['roots'], plan['marks']
    blocks = sys.getallocatedblocks()
    walked, written = _scaled(tick, blocks - blocks // 8)
    seeds = plan['seeds'] + own.seeds()
    start = array('Q', map(id, gc.get_objects()))
    may_touch = plan['mode'] == 'fork'
    known_dicts = None
    if may_touch and sys.version_info[:2] == (3, 13):
        known_dicts = set([id(o) for o in gc.get_objects() if type(o) is dict])
    walk = Walk(roots.count(), marks, may_touch, known_dicts)
    try:
        nodes = roots.lay(walk.sink)
        walk.run(walked)
        own.swallow(seeds, walk.sink.index, marks)
        residue.attach(walk, nodes, start, roots.held(), walked)
        return writer.write(walk, nodes, plan['header'], plan['granules'], sink, written)
    finally:
        walk.dispose()
        roots.dispose()
        del seeds[:], plan['seeds'][:]  # they hold this very frame


class Job(object):
    """One snapshot on its way. Methods run on the agent's thread unless said otherwise."""

    def __init__(self, agent, session, path, wanted, progress, reply):
        self.agent, self.session, self.path = agent, session, path
        self.progress, self.reply = progress, reply
        self.mode, self.reason = forking.choose(wanted)  # ValueError: refused
        self.file_fd = self.pipe_fd = self.pid = None
        self.cancelled = False
        self.over = False
        self.pause_ms = None
        self.last_progress = (0, 1)
        self.messages = forking.Messages()
        self.started = monotonic_ms()

    def start(self):
        """Begins; the outcome is told through `reply(result)` or `reply(None, error text)`."""
        if self.path is not None:
            flags = (os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, 'O_NOFOLLOW', 0)
                     | getattr(os, 'O_CLOEXEC', 0))
            try:
                self.file_fd = os.open(self.path, flags, 0o600)
            except OSError as error:
                path, self.path = self.path, None
                self.end(None, 'cannot create %s: %s' % (path, error.strerror))
                return
        if self.mode == 'fork':
            self._fork()
        if self.mode == 'inProcess' and not self.over:
            self.agent.spawn(self._in_process)

    def _plan(self):
        """Everything that has to be looked up in the living process."""
        roots = roots_module.Roots(self.agent.main_ident)
        marks = own.marks()
        for frame in roots.own_frames:
            marks.add(id(frame))
        header = {
            'producer': 'heaphouse python agent ' + self.agent.version,
            'pythonVersion': _version(), 'pid': os.getpid(), 'takenAt': epoch_ms(),
            'mode': self.mode, 'modeReason': self.reason, 'consistent': self.mode == 'fork',
            'limits': {
                'previewCharacters': 100, 'idsUnique': True,
                'framesCut': bool([t for t in roots.threads if t.cut]),
                'frozenObjectsListed': self.mode == 'fork' or not gc.get_freeze_count(),
            },
        }
        return {'mode': self.mode, 'roots': roots, 'marks': marks, 'header': header,
                'granules': list(granules), 'seeds': own.seeds()}

    def _fork(self):
        began = monotonic_ms()
        read_fd, write_fd = os.pipe()
        plan = self._plan()
        try:
            pid = forking.fork(self.agent.hooks)
        except (OSError, RuntimeError) as error:
            os.close(read_fd)
            os.close(write_fd)
            self.mode = 'inProcess'
            self.reason = 'fork failed: %s' % error
            return
        if pid == 0:
            plan['header']['pauseMs'] = monotonic_ms() - began
            forking.live_as_copy(write_fd, self.file_fd, self.path,
                                 lambda send: self._work(plan, send))
        self.pause_ms = monotonic_ms() - began
        plan['roots'].dispose()
        del plan['seeds'][:]
        plan.clear()
        self.pid = pid
        os.close(write_fd)
        self.pipe_fd = high_fd(read_fd)
        os.set_blocking(self.pipe_fd, False)
        self.agent.server.add_reader(self.pipe_fd, self._on_pipe)

    def _work(self, plan, send):
        """Runs in the copy, or on the worker thread. `send(kind, payload)` reaches the agent."""
        last = [monotonic_ms()]
        copy = self.mode == 'fork'

        def tick(done, total):
            if self.cancelled:
                raise Cancelled()
            now = monotonic_ms()
            if now - last[0] >= PROGRESS_MS:
                last[0] = now
                send(b'P', b'%d %d' % (done, total))
            if not copy:
                time.sleep(0)  # offer the interpreter to the program's threads

        if self.file_fd is not None:
            sink = FileSink(self.file_fd)
        else:
            sink = ChunkSink(lambda text: send(b'C', websocket.frame(
                ('{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":'
                 + encode(text) + '}}').encode('ascii'))))
        counts = produce(plan, sink, tick)
        counts['granules'] = plan['granules'][len(granules):]
        return counts

    def _in_process(self):
        """Worker thread: the walk in the living process, collector off, threads running."""
        agent = self.agent
        was_enabled = gc.isenabled()

        def send(kind, payload):
            while agent.backlog() > (8 << 20) and not self.cancelled:
                time.sleep(0.01)
            agent.post(lambda: self._on_message(kind, payload), len(payload))

        try:
            gc.disable()
            result = encode(self._work(self._plan(), send)).encode('ascii')
            send(b'R', result)
        except Cancelled:
            agent.post(lambda: self.end(None, 'cancelled'))
        except BaseException as error:
            text = forking.describe(error)
            agent.post(lambda: self.end(None, text))
        finally:
            if was_enabled:
                gc.enable()

    def _on_pipe(self, _events):
        for _ in range(16):  # a fair share, then the other descriptors
            try:
                data = os.read(self.pipe_fd, 1 << 18)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b''
            if not data:
                self.end(None, 'the copy of the process ended early (it may have been killed)')
                return
            for kind, payload in self.messages.feed(data):
                self._on_message(kind, payload)
                if self.over:
                    return
            connection = self.session.connection
            if connection.out_bytes > (4 << 20):
                self.agent.server.pause_reader(self.pipe_fd, True)
                connection.on_drain = self._resume
                return

    def _resume(self):
        if self.pipe_fd is not None:
            self.agent.server.pause_reader(self.pipe_fd, False)

    def _on_message(self, kind, payload):
        if self.over:
            return
        if kind == b'C':
            self.session.connection.send_bytes(payload)
        elif kind == b'P':
            done, total = payload.split()
            self._tell(int(done), int(total), False)
        elif kind == b'E':
            self.end(None, payload.decode('utf-8', 'replace'))
        elif kind == b'R':
            result = decode(payload.decode('ascii'))
            granules.extend(result.pop('granules'))
            result.update({
                'path': self.path, 'mode': self.mode, 'modeReason': self.reason,
                'pauseMs': self.pause_ms, 'elapsedMs': monotonic_ms() - self.started,
                'consistent': self.mode == 'fork',
            })
            self._tell(result['nodes'] * 2, result['nodes'] * 2, True)
            self.end(result)

    def _tell(self, done, total, finished):
        if self.progress:
            params = {'done': done, 'total': total}
            if finished:
                params['finished'] = True
            self.session.event('HeapProfiler.reportHeapSnapshotProgress', params)

    def cancel(self):
        """Ends the job: at once for a copy, at the next batch in the living process."""
        self.cancelled = True
        if self.pid is not None:
            self.end(None, 'cancelled')

    def end(self, result, error=None):
        """Puts everything away and answers, once."""
        if self.over:
            return
        self.over = True
        if self.pipe_fd is not None:
            self.agent.server.remove_reader(self.pipe_fd)
            os.close(self.pipe_fd)
            self.pipe_fd = None
        if self.pid is not None:
            if result is None:
                try:
                    os.kill(self.pid, 9)
                except OSError:
                    pass
            try:
                os.waitpid(self.pid, 0)
            except OSError:
                pass  # ECHILD: the program waits for any child, or ignores SIGCHLD
        if self.file_fd is not None:
            os.close(self.file_fd)
            self.file_fd = None
            if result is None and self.path is not None:
                try:
                    os.unlink(self.path)
                except OSError:
                    pass
        self.agent.job = None
        self.reply(result, error)
