"""Starting, forking and ending: the one agent of this process."""
from . import (VERSION, forking, gcevents, linetrace, memory, native, own, recording, rendezvous as meeting, sampling,
               undo, workers)
from .compat import _thread, atexit, deque, epoch_ms, os, sys, time
from .dispatch import Session
from .server import Server
from .wake import Waker

current = None
latest = None  # the agent last started from these modules, also when it has ended
START_TIMEOUT = 10.0  # seconds for the thread to be listening
WAIT_TIMEOUT = 30.0  # seconds a launched program waits for its first client
LOST_TIMEOUT = 20.0  # seconds without a client until it is looked whether the workbench lives
STOP_TIMEOUT = 2.0  # seconds for a snapshot thread to come out of C when the agent leaves


class Hooks(object):
    """What the interpreter calls around os.fork(). A registration cannot be taken back, so what is
    registered is an empty shell that looks into a list, and the list is emptied on detach."""

    def __init__(self, agent):
        self.agent = agent
        self.quiet = False  # our own snapshot forks
        self.holder = []
        shell = eval('lambda h, i: lambda: h[i]() if h else None', {'__builtins__': {}})
        before, child = shell(self.holder, 0), shell(self.holder, 1)
        own.extra.extend([before, child])
        forking.shells[:] = [before, child]
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(before=before, after_in_child=child)
        self.holder.extend([self.before, self.child])
        self.filters = []

    def before(self):
        """Since 3.12 a fork warns where there is more than one thread: ours is not the
        program's doing, so for a program with one thread the warning is put aside."""
        if self.quiet or sys.version_info < (3, 12):
            return
        self.unfilter()
        if len([i for i in sys._current_frames() if i not in own.threads]) > 1:
            return
        import _warnings
        for name in ('fork', 'forkpty'):
            entry = ('ignore', 'This process (pid=%d) is multi-threaded, use of %s() may lead to '
                     'deadlocks in the child.' % (os.getpid(), name), DeprecationWarning, None, 0)
            _warnings.filters.insert(0, entry)
            self.filters.append(entry)

    def unfilter(self):
        if self.filters:
            import _warnings
            mine = set([id(f) for f in self.filters])
            _warnings.filters[:] = [f for f in _warnings.filters if id(f) not in mine]
            self.filters = []

    def child(self):
        if not self.quiet:
            self.agent.forked()

    def remove(self):
        del forking.shells[:]
        self.holder.clear()
        self.unfilter()


class Agent(object):
    version = VERSION

    def __init__(self, origin):
        self.origin = origin
        self.started_at = epoch_ms()
        arguments = meeting.arguments()
        self.title = ' '.join([os.path.basename(sys.executable or 'python')] + arguments)[:300]
        self.main_ident = _thread.get_ident() if origin == 'launch' else _main_ident()
        self.waker = Waker()
        self.gc = gcevents.GcWatch(self.waker.wake)
        own.extra.append(self.gc.callback)
        self.meter = memory.Meter()
        self.inbox = deque()
        self.inbox_bytes = 0
        self.sessions = []
        self.alone_since = time.time() if origin == 'inject' else None
        self.folders = []
        self.files = []
        self.job = None
        self.cpu = None  # a cpusampling.Sampler at work
        self.hooks = None
        self.server = None
        self.thread_ended = False
        self.go = _thread.allocate_lock()
        self.go.acquire()

    # Called from any thread.

    def post(self, function, size=0):
        """Runs `function()` on the agent's thread."""
        self.inbox_bytes += size
        self.inbox.append((function, size))
        self.waker.wake()

    def backlog(self):
        # type: () -> int
        """Bytes on their way to clients, roughly."""
        server = self.server
        out = sum([c.out_bytes for c in list(server.connections.values())]) if server else 0
        return self.inbox_bytes + out

    def release(self):
        """Lets a program that waits in its start go on."""
        try:
            self.go.release()
        except RuntimeError:
            pass

    # Called on the agent's thread.

    def on_wake(self):
        rows, notes = self.gc.take()
        if rows or notes:
            self.tell(rows, notes, gcevents.clock_offset(), self.gc.limits)
        while self.gc.summaries:
            sums = self.gc.summaries.pop(0)
            for session in self.sessions:
                if 'gc' in session.enabled:
                    session.event('Python.gcSummary', sums)
        while self.inbox:
            function, size = self.inbox.popleft()
            self.inbox_bytes -= size
            function()

    def tell(self, rows, notes, offset, limits):
        """Collections, to each session in the form it asked for."""
        for session in self.sessions:
            if 'gc' not in session.enabled:
                continue
            if 'gcBatches' in session.enabled:
                more, others = gcevents.packed(notes, offset, limits)
                if rows or more:
                    session.event('Python.gcFinishedBatch', {
                        'rows': gcevents.text_of(rows + more), 'thresholds': list(limits)})
            else:
                others = gcevents.unpacked(rows, limits)
                others.extend([gcevents.event(note, offset, limits) for note in notes])
            for event in others:
                session.event('Python.gcFinished', event)

    def new_session(self, connection):
        session = Session(self, connection)
        self.sessions.append(session)
        self.alone_since = None
        return session

    def end_session(self, session):
        if session in self.sessions:
            self.sessions.remove(session)
        session.end()
        if self.job is not None and self.job.session is session:
            self.job.cancel()
        if not self.sessions and self.origin != 'program' and self.folders:
            if not [f for f in self.folders if os.path.isdir(f)]:
                self.server.running = False  # nobody will come back: leave
        if not self.sessions and self.origin != 'program':
            self.alone_since = time.time()

    def patience_ms(self):
        # type: () -> int
        """How long to wait for something to happen; None: for ever; 0: the workbench is dead, leave.
        With a client there is nothing to look for: its end comes as the end of the connection."""
        if self.alone_since is None:
            return None
        left = self.alone_since + LOST_TIMEOUT - time.time()
        if left > LOST_TIMEOUT:  # the clock was set back
            left = 0
        if left <= 0:
            if not [f for f in self.folders if meeting.owner_lives(f)]:
                for folder in self.folders:
                    meeting.sweep(folder)
                return 0
            self.alone_since = time.time()
            left = LOST_TIMEOUT
        return int(left * 1000) + 1

    def serve(self):
        try:
            self.server.run()
        except Exception as error:
            for folder in self.folders:
                _report(folder, error)
        finally:
            self.clean()

    def clean(self):
        """Takes everything back; the thread ends right after."""
        global current
        job = self.job
        if job is not None:
            job.cancel()
            native.settle(STOP_TIMEOUT)
            job.end(None, 'cancelled')
        native.unload()
        workers.Loan.all_back()
        recording.stop()
        sampling.leave()
        if self.cpu is not None:
            self.cpu.stop()
        linetrace.disarm_all()
        self.release()
        self.gc.remove()
        self.server.shut()
        self.waker.close()
        for path in self.files:
            meeting.withdraw(path)
        self.hooks.remove()
        _unregister_exit(self)
        own.extra.clear()
        if current is self:
            current = None
        mine = []
        empties = self.origin != 'program'  # that one may hold our modules, and start us again
        for name, module in own.modules():
            if getattr(module, '__dict__', {}).get('__name__') == name:
                mine.append(module)
            sys.modules.pop(name, None)
        if empties:  # the name alone: who looks at all modules finds nothing half gone
            workers.package[:] = [type(sys)(own.PACKAGE), _thread.get_ident()]
            sys.modules[own.PACKAGE] = workers.package[0]
        self.sessions.clear()
        self.thread_ended = True
        if empties:
            workers.at_end[:] = [undo.empty, mine, self]

    def meet(self, folder):
        """Publishes the address in a rendezvous folder."""
        self.files.append(meeting.publish(folder, self.server.port, self.server.token,
                                          self.started_at))
        self.folders.append(folder)

    def at_exit(self):
        if os.getpid() == self.waker.pid:
            recording.stop()
            sampling.leave()
            for path in self.files:
                meeting.withdraw(path)

    def forked(self):
        """In a child the program forked: nothing of the parent's agent works here. A launched
        program's children get an agent of their own, others are just clean."""
        global current
        folders = [f for f in self.folders if os.path.isdir(f)] if self.origin == 'launch' else []
        pid_files, self.files = self.files, []
        del pid_files
        own.threads.clear()
        workers.starting.clear()
        workers.Hurry.forked()
        self.server.stop_waiting()
        sampling.forked()
        recording.stop()
        linetrace.disarm_all()
        self.gc.remove()
        self.hooks.remove()
        for connection in list(self.server.connections.values()):
            _let_go(connection.sock)
        _let_go(self.server.listener)
        self.waker.close()
        if self.job is not None:
            for fd in (self.job.pipe_fd, self.job.file_fd):
                if fd is not None:
                    os.close(fd)
            self.job.over = True
        native.State.users = 0  # the threads that were inside are the parent's
        native.unload()
        _unregister_exit(self)
        own.extra.clear()
        current = None
        for folder in folders[:1]:
            try:
                start(folder, 0, 'launch', False)
            except Exception as error:
                _report(folder, error)


def _let_go(sock):
    try:
        sock.close()
    except OSError:
        pass


def _main_ident():
    """Identifier of the main thread as well as it can be told without importing threading."""
    module = sys.modules.get('threading')
    if type(module) is type(sys):
        thread = module.__dict__.get('_main_thread')
        try:
            return object.__getattribute__(thread, '_ident')
        except AttributeError:
            pass
    return min(sys._current_frames())


def _report(folder, error):
    text = '{"version":1,"pid":%d,"error":%s,"detail":%s}'
    from .codec import quote
    path = os.path.join(folder, '%d.error.json' % os.getpid())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                         | getattr(os, 'O_NOFOLLOW', 0), 0o600)
        try:
            os.write(handle, (text % (os.getpid(), quote(str(error)),
                                      quote(forking.describe(error)))).encode('ascii'))
        finally:
            os.close(handle)
    except OSError:
        pass


def _register_exit(agent):
    agent.exit_hook = agent.at_exit
    atexit.register(agent.exit_hook)
    own.extra.append(agent.exit_hook)


def _unregister_exit(agent):
    atexit.unregister(agent.exit_hook)


def leaving():
    # type: () -> bool
    """Whether the agent of these modules is on its way out: they will be gone from sys.modules in
    a moment, and a new agent must be made of new ones."""
    agent = latest
    return agent is not None and not agent.server.running and agent.waker.pid == os.getpid()


def start(rendezvous, port, origin, wait):
    """See heaphouse_agent.start."""
    global current, latest
    agent = current
    if agent is None:
        agent = Agent(origin)
        agent.server = Server(agent, port, agent.waker)
        try:
            if rendezvous is not None:
                agent.meet(rendezvous)
            agent.hooks = Hooks(agent)
            _register_exit(agent)
            workers.spawn(agent.serve)
        except BaseException:
            if workers.starting or own.threads:  # a signal to the program, which has its agent all the same
                current = latest = agent
                raise
            agent.server.shut()
            agent.waker.close()
            for path in agent.files:
                meeting.withdraw(path)
            raise
        current = latest = agent
    elif rendezvous is not None and rendezvous not in agent.folders:
        agent.meet(rendezvous)
    if wait:
        agent.go.acquire(True, WAIT_TIMEOUT)
    return 'ws://127.0.0.1:%d/%s' % (agent.server.port, agent.server.token)


def stop():
    """See heaphouse_agent.stop."""
    agent = current
    if agent is None:
        return

    def leave():
        agent.server.running = False
    agent.post(leave)
    if _thread.get_ident() not in own.threads:
        deadline = time.time() + START_TIMEOUT
        name = own.PACKAGE
        while not agent.thread_ended and time.time() < deadline:
            time.sleep(0.005)
        while name in sys.modules and not hasattr(sys.modules[name], 'PARTS') and time.time() < deadline:
            time.sleep(0.005)
