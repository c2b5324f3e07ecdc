"""A copy of the process: when it is sound to make one, and what the copy does."""
from . import cfuncs, own
from .codec import encode
from .compat import LINUX, _signal, gc, os
from .internals import Method
from .static import Builtin, Function, class_name

# Libraries whose fork handlers are known to stop or break a process that forks while they work.
# OpenBLAS: 10 of 12 processes stood still for ever at their first fork with a busy BLAS thread.
UNSAFE = ('openblas', 'libmkl', 'libgomp', 'libiomp', 'libomp', 'grpc', 'libcuda', 'libcudart',
          'libtbb', 'nccl', 'libhsa-runtime')


shells = []  # our own hooks: by them the interpreter's lists of hooks are found, which nothing else tells of


def foreign_hooks():
    # type: () -> list
    """Names of fork hooks that are neither ours nor the standard library's. Looks at the whole heap."""
    library = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), '')
    mine = set([id(shell) for shell in shells])
    names = set()
    for holder in gc.get_referrers(*shells) if shells else []:
        if type(holder) is not list or holder is shells or holder is own.extra:
            continue
        for hook in holder:
            if type(hook) is Method:
                hook = hook.__func__
            if id(hook) in mine or type(hook) is Builtin:
                continue
            if type(hook) is not Function:
                names.add(class_name(type(hook)))
                continue
            path = hook.__code__.co_filename
            if not path.startswith((library, '<frozen ')) or 'site-packages' in path:
                names.add('%s.%s' % (hook.__module__, hook.__qualname__))
    return sorted(names)


def unsafe_libraries():
    # type: () -> list
    """Names from UNSAFE mapped into this process."""
    try:
        with open('/proc/self/maps', 'rb') as file:
            text = file.read().decode('utf-8', 'replace').lower()
    except OSError:
        return ['unknown (no /proc/self/maps)']
    names = set([line.rpartition('/')[2] for line in text.splitlines() if '/' in line])
    return [n for n in UNSAFE if any([n in name for name in names])]


def objection():
    # type: () -> str
    """Why this process is not to be forked, or None."""
    if not LINUX:
        return 'a forked copy is only made on Linux'
    found = unsafe_libraries()
    if found:
        return ('%s is loaded: forking a process that uses it can stop the program for ever'
                % ', '.join(found))
    if cfuncs.subinterpreters():  # the child hangs (seen on 3.11, 3.12) or ends before it runs Python
        return 'the program has subinterpreters: a forked copy would not live to walk'
    handler = _signal.getsignal(_signal.SIGCHLD)
    if handler not in (_signal.SIG_DFL, _signal.SIG_IGN):
        return 'the program handles SIGCHLD itself and would be told of our copy'
    return None


def choose(wanted):
    # type: (str) -> tuple
    """(mode, reason) for a wanted mode: 'auto', 'fork' or 'inProcess'. ValueError refuses."""
    if wanted == 'inProcess':
        return 'inProcess', 'asked for'
    reason = objection()
    if reason is None:
        hooks = foreign_hooks()
        if hooks:
            reason = 'the program has fork hooks of its own, which would run: %s' % ', '.join(hooks)[:200]
    if wanted == 'fork':
        if reason:
            raise ValueError('cannot fork: ' + reason)
        return 'fork', 'asked for'
    if reason:
        return 'inProcess', reason
    return 'fork', 'a forked copy is sound here'


class Pipe(object):
    """The copy's way to talk to the agent: kind (1 byte), length (4 bytes), payload."""

    def __init__(self, fd):
        self.fd = fd

    def send(self, kind, payload):
        # type: (bytes, bytes) -> None
        view = memoryview(kind + len(payload).to_bytes(4, 'big') + payload)
        while view:
            view = view[os.write(self.fd, view):]


class Messages(object):
    """Takes such messages apart again."""

    def __init__(self):
        self.data = bytearray()

    def feed(self, data):
        # type: (bytes) -> list
        self.data += data
        out = []
        at = 0
        while len(self.data) - at >= 5:
            size = int.from_bytes(self.data[at + 1:at + 5], 'big')
            if len(self.data) - at < 5 + size:
                break
            out.append((bytes(self.data[at:at + 1]), bytes(self.data[at + 5:at + 5 + size])))
            at += 5 + size
        del self.data[:at]
        return out


def fork(hooks):
    # type: (object) -> int
    """os.fork() without the warning newer versions print for processes with threads."""
    import _warnings
    filters = _warnings.filters
    entry = ('ignore', None, DeprecationWarning, __name__, 0)
    hooks.quiet = True
    filters.insert(0, entry)
    try:
        return os.fork()
    finally:
        for place, found in enumerate(filters):
            if found is entry:
                del filters[place]
                break
        hooks.quiet = False


def close_others(keep):
    # type: (set) -> None
    """Closes every other descriptor, so that peers of the program see its end, not ours."""
    try:
        open_now = [int(n) for n in os.listdir('/proc/self/fd')]
    except (OSError, ValueError):
        open_now = range(4096)
    for fd in open_now:
        if fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass


def live_as_copy(pipe_fd, file_fd, path, work):
    """The copy's whole life; does not return. `work(send)` makes the snapshot.

    Imports nothing, takes no lock, runs no exit handler. Signals stay blocked as in the agent's
    thread; the death of the process is noticed by the broken pipe.
    """
    status = 1
    pipe = Pipe(pipe_fd)
    try:
        gc.disable()
        gc.unfreeze()
        close_others({pipe_fd, file_fd} if file_fd is not None else {pipe_fd})
        result = work(pipe.send)
        pipe.send(b'R', encode(result).encode('ascii'))
        status = 0
    except BaseException as error:
        try:
            if path is not None:
                os.unlink(path)
        except OSError:
            pass
        try:
            pipe.send(b'E', describe(error).encode('utf-8'))
        except BaseException:
            pass
    finally:
        os._exit(status)


def describe(error):
    # type: (BaseException) -> str
    """What went wrong, for the user."""
    if isinstance(error, OSError):
        return 'cannot write the snapshot: %s' % (error.strerror or error)
    if isinstance(error, MemoryError):
        return 'not enough memory for the snapshot'
    where = ''
    trace = error.__traceback__
    while trace is not None:
        where = ' (%s:%d)' % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
        trace = trace.tb_next
    return 'the snapshot failed: %s: %s%s' % (type(error).__name__, error, where)
