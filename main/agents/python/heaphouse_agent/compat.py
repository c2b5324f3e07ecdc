"""The few low-level modules the agent stands on, in one place.

They are C modules of the standard library under names a program does not shadow (`_socket`, not
`socket`), so a target with its own `socket.py` or `json.py` on the path cannot break the agent,
and the agent does not load big Python modules (`json` brings `re` and `enum`) into the target.
"""
import os
import sys


def standard(name):
    # type: (str) -> object
    """A C module of the standard library, even where the program has a module of that name.

    `import` would find a `select.py` or `array.py` on the program's path first. Such a name is
    loaded from the standard library for the agent alone and stays out of `sys.modules`.
    """
    bootstrap = sys.modules['_frozen_importlib']
    external = sys.modules['_frozen_importlib_external']
    builtin = name in sys.builtin_module_names
    if builtin:
        spec = bootstrap.BuiltinImporter.find_spec(name)
    else:
        library = os.path.dirname(os.path.abspath(os.__file__))
        folders = [os.path.join(library, 'lib-dynload'), library]
        folders += [p for p in sys.path if type(p) is str and p.endswith('lib-dynload')]
        spec = external.PathFinder.find_spec(name, folders)
    if spec is None:
        raise ImportError('the standard library has no %s' % name, name=name)
    loaded = sys.modules.get(name)
    if loaded is not None:
        if builtin or getattr(loaded, '__file__', None) == spec.origin:
            return loaded
    elif builtin or same_file(external.PathFinder.find_spec(name), spec):
        return __import__(name)
    module = bootstrap.module_from_spec(spec)
    spec.loader.exec_module(module)
    if loaded is None:
        sys.modules.pop(name, None)  # some C modules enter themselves
    else:
        sys.modules[name] = loaded
    return module


def same_file(one, other):
    return one is not None and one.origin == other.origin


_json = standard('_json')
_signal = standard('_signal')
_socket = standard('_socket')
_thread = standard('_thread')
atexit = standard('atexit')
binascii = standard('binascii')
gc = standard('gc')
itertools = standard('itertools')
select = standard('select')
time = standard('time')
deque = standard('_collections').deque
array = standard('array').array

try:
    sha1 = standard('_sha1').sha1
except ImportError:  # builds that only have OpenSSL's
    sha1 = standard('_hashlib').openssl_sha1

try:
    fcntl = standard('fcntl')
except ImportError:
    fcntl = None

LINUX = sys.platform.startswith('linux')
POSIX = os.name == 'posix'
IMMORTAL = 1 << 31  # reference counts at or above this are markers (3.12+: 2**32-1, 3.14: 3*2**30)


def gil_enabled():
    # type: () -> bool
    """False in a free-threaded interpreter that runs without the global lock."""
    probe = getattr(sys, '_is_gil_enabled', None)
    return True if probe is None else bool(probe())


def block_signals():
    """Signals belong to the program's threads; ours, and the children it forks, take none. Those that
    were not blocked before, for `unblock_signals`."""
    if not POSIX:
        return None
    valid = _signal.valid_signals()
    return valid - _signal.pthread_sigmask(_signal.SIG_BLOCK, valid)


def unblock_signals(signals):
    if signals:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, signals)


def high_fd(fd):
    # type: (int) -> int
    """Moves a descriptor up and out of the way of programs that count theirs; close-on-exec."""
    if fcntl is None:
        return fd
    for lowest in (700, 200):
        try:
            moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except (OSError, ValueError):
            continue
        os.close(fd)
        return moved
    return fd


def fd_identity(fd):
    # type: (int) -> tuple
    """What a descriptor stands for: tells when a program closed ours and reused the number."""
    status = os.fstat(fd)
    return (status.st_dev, status.st_ino)


def monotonic_ms():
    # type: () -> float
    return time.perf_counter() * 1000.0


def epoch_ms():
    # type: () -> float
    return time.time() * 1000.0
