"""Taking a heap snapshot: choosing the mode, collecting the roots, running and ending the job."""
from . import (forking, native, own, recording, residue, roots as roots_module, websocket, workers,
               writer)
from .codec import decode, encode
from .compat import array, gc, high_fd, monotonic_ms, epoch_ms, os, sys, time
from .sink import ChunkSink, FileSink
from .walk import Walk

PROGRESS_MS = 100.0  # time between two progress events
granules = []  # see writer.Identities: kept for the life of the agent


CONSISTENT = ('clone', 'fork', 'stopTheWorld')  # modes that show one moment
CANCELLED, OUT_OF_MEMORY = 125, 12  # what the native walker says: ECANCELED, ENOMEM
CRASHES = (4, 6, 7, 8, 11, 14)  # SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV; SIGALRM: it hung


class Cancelled(Exception):
    pass


def choose(wanted):
    # type: (str) -> tuple
    """(mode, reason) for a wanted mode. ValueError refuses."""
    lacking = None
    if wanted in ('auto', 'clone', 'stopTheWorld'):
        lacking = native.ready()
        if lacking is None:
            if wanted == 'auto':
                return 'clone', 'the native walker copies the process without its fork handlers'
            return wanted, 'asked for'
        if wanted != 'auto':
            raise ValueError('cannot take it this way: ' + lacking)
    mode, reason = forking.choose(wanted)
    return mode, reason if lacking is None else '%s; %s' % (reason, lacking)


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
        self.mode, self.reason = choose(wanted)  # ValueError: refused
        self.file_fd = self.pipe_fd = self.pid = None
        self.chunks = 0
        self.last_progress = 1, 1
        self.last_word = None  # of the thread that stops the world
        self.thread_out = False
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
        self._begin()

    def _begin(self):
        if self.mode == 'clone':
            self._clone()
        if self.mode == 'stopTheWorld':
            read_fd, write_fd = os.pipe()
            self._listen(read_fd)
            workers.spawn(lambda: self._stop_the_world(high_fd(write_fd)))
        if self.mode == 'fork':
            self._fork()
        if self.mode == 'inProcess' and not self.over:
            workers.spawn(self._in_process)

    def _listen(self, read_fd):
        self.pipe_fd = high_fd(read_fd)
        os.set_blocking(self.pipe_fd, False)
        self.messages = forking.Messages()
        self.agent.server.add_reader(self.pipe_fd, self._on_pipe)

    def _hand_over(self, write_fd):
        """(plan, blocks for C): everything but what has to be last, the agent's own objects."""
        plan = self._plan()
        text = native.head_of(writer.META, plan['header'])
        return plan, native.Hand(plan, text, write_fd, self.file_fd)

    def _clone(self):
        """A copy that runs C only. No fork handler runs, no SIGCHLD comes."""
        read_fd, write_fd = os.pipe()
        plan, hand = self._hand_over(write_fd)
        found = plan['seeds']
        found.extend(own.seeds())
        hand.sow(found)
        began = monotonic_ms()
        pid = native.clone()
        self.pause_ms = monotonic_ms() - began
        native.forget()
        plan['roots'].dispose()
        del plan['seeds'][:]
        plan.clear()
        os.close(write_fd)
        if pid < 0:
            os.close(read_fd)
            self.pause_ms = None
            self.mode = 'stopTheWorld'
            self.reason = 'the process cannot be copied: ' + os.strerror(-pid)
            return
        self.pid = pid
        self._listen(read_fd)

    def _stop_the_world(self, write_fd):
        """Worker thread: the walk with the interpreter's lock held, the writing without."""
        native.enter()
        try:
            plan, hand = self._hand_over(write_fd)
            found = plan['seeds']
            found.extend(own.seeds())
            hand.sow(found)
            began = monotonic_ms()
            failed = native.walk()
            self.pause_ms = monotonic_ms() - began
            plan['roots'].dispose()
            del plan['seeds'][:]
            if not failed and not self.cancelled:
                native.write()
        except BaseException as error:
            text = forking.describe(error)
            self.agent.post(lambda: self.end(None, text))
        finally:
            native.leave()
            os.close(write_fd)
            self.agent.post(self._out_of_c)

    def _out_of_c(self):
        """The thread that stopped the world is done with the walker: the answer may be given."""
        self.thread_out = True
        if self.last_word is not None:
            self._on_message(*self.last_word)
        elif not self.over:
            self._on_pipe(0)
            if not self.over:
                self.end(None, 'cancelled' if self.cancelled else 'the walk ended early')

    def _plan(self):
        """Everything that has to be looked up in the living process."""
        roots = roots_module.Roots(self.agent.main_ident)
        marks = own.marks()
        for frame in roots.own_frames:
            marks.add(id(frame))
        header = {
            'producer': 'heaphouse python agent ' + self.agent.version,
            'pythonVersion': _version(), 'pid': os.getpid(), 'takenAt': epoch_ms(),
            'mode': self.mode, 'modeReason': self.reason, 'consistent': self.mode in CONSISTENT,
            'limits': {
                'previewCharacters': 100, 'idsUnique': True,
                'framesCut': bool([t for t in roots.threads if t.cut]),
                'frozenObjectsListed': self.mode in CONSISTENT or not gc.get_freeze_count(),
            },
        }
        sites, allocations = recording.for_snapshot(self.mode)
        if allocations is not None:
            header['allocations'] = allocations
        return {'mode': self.mode, 'roots': roots, 'marks': marks, 'header': header,
                'granules': list(granules), 'sites': (recording.finder(sites), sites), 'seeds': own.seeds()}

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
        self._listen(read_fd)

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
                self._ended_early()
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

    def _ended_early(self):
        """The pipe's end came before the result."""
        if self.mode == 'stopTheWorld':
            self.agent.server.pause_reader(self.pipe_fd, True)  # _out_of_c comes
            return
        text = 'the copy of the process ended early (it may have been killed)'
        if self.mode == 'clone' and self.pid is not None:
            status = native.reap(self.pid)
            self.pid = None
            signal = os.WTERMSIG(status) if status > 0 and os.WIFSIGNALED(status) else 0
            if signal in CRASHES:
                text = 'the native walker crashed in its copy of the process (signal %d)' % signal
                native.give_up(text)
                if not self.chunks and not self.cancelled:
                    self._again(text)
                    return
        self.end(None, text)

    def _again(self, why):
        """Another try, the pure Python way. Nothing has been sent to the client yet."""
        self.agent.server.remove_reader(self.pipe_fd)
        os.close(self.pipe_fd)
        self.pipe_fd = None
        if self.file_fd is not None:
            os.ftruncate(self.file_fd, 0)
            os.lseek(self.file_fd, 0, 0)
        self.mode, reason = forking.choose('auto')
        self.reason = '%s; %s' % (reason, why)
        self.pause_ms = None
        self._begin()

    def _resume(self):
        if self.pipe_fd is not None:
            self.agent.server.pause_reader(self.pipe_fd, False)

    def _on_message(self, kind, payload):
        if self.over:
            return
        if kind in (b'N', b'R') and self.mode == 'stopTheWorld' and not self.thread_out:
            self.last_word = (kind, payload)  # told when its thread has put everything away
            return
        if kind == b'C':
            if not self.chunks:
                # As V8 does: walked, now it is handed over. DevTools listens to chunks from here on.
                self._tell(*(self.last_progress + (True,)))
            self.chunks += 1
            self.session.connection.send_bytes(payload)
        elif kind == b'P':
            done, total = payload.split()
            self.last_progress = int(total), int(total)
            if not self.chunks:
                self._tell(int(done), int(total), False)
        elif kind == b'E':
            self.end(None, payload.decode('utf-8', 'replace'))
        elif kind == b'N':
            number = int(payload)
            self.end(None, 'cancelled' if number == CANCELLED
                     else 'not enough memory for the tables of the walk' if number == OUT_OF_MEMORY
                     else 'cannot write the snapshot: ' + os.strerror(number))
        elif kind == b'R':
            result = decode(payload.decode('ascii'))
            granules.extend(result.pop('granules'))
            result.update({
                'path': self.path, 'mode': self.mode, 'modeReason': self.reason,
                'pauseMs': self.pause_ms, 'elapsedMs': monotonic_ms() - self.started,
                'consistent': self.mode in CONSISTENT,
            })
            if not self.chunks:
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
        if self.mode == 'stopTheWorld':
            native.cancel()  # its thread may be writing: it answers
        elif self.pid is not None:
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
            native.reap(self.pid)  # gone already where the program waits for any child
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
