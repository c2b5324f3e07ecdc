"""The few low-level modules the agent stands on, in one place.

They are C modules of the standard library under names a program does not shadow (`_socket`, not
`socket`), so a target with its own `socket.py` or `json.py` on the path cannot break the agent,
and the agent does not load big Python modules (`json` brings `re` and `enum`) into the target.
"""
import _json
import _signal
import _socket
import _thread
import binascii
import gc
import itertools
import os
import select
import sys
import time
from _collections import deque
from array import array

try:
    from _sha1 import sha1
except ImportError:  # builds that only have OpenSSL's
    from hashlib import sha1

try:
    import fcntl
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
    """Signals belong to the program's threads; ours, and the children it forks, take none."""
    if POSIX:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())


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


__all__ = ['_json', '_signal', '_socket', '_thread', 'array', 'binascii', 'deque', 'gc',
           'itertools', 'os', 'select', 'sha1', 'sys', 'time']
