"""Wakes the agent's thread from anywhere, at the cost of one byte, without a lock."""
from .compat import fd_identity, high_fd, os


class Waker(object):
    """A non-blocking pipe to oneself; at most one byte is under way."""

    def __init__(self):
        read_fd, write_fd = os.pipe()
        self.read_fd = high_fd(read_fd)
        self.write_fd = high_fd(write_fd)
        os.set_blocking(self.read_fd, False)
        os.set_blocking(self.write_fd, False)
        self.pid = os.getpid()
        self.identity = fd_identity(self.write_fd)
        self.pending = False

    def wake(self):
        """Safe in a garbage collection callback; does nothing in a forked copy."""
        if self.pending:
            return
        self.pending = True
        try:
            # A program that closed every descriptor may have got this number for a file of its own.
            if os.getpid() == self.pid and fd_identity(self.write_fd) == self.identity:
                os.write(self.write_fd, b'!')
        except OSError:
            pass

    def drain(self):
        try:
            os.read(self.read_fd, 64)
        except OSError:
            pass
        self.pending = False

    def close(self):
        for fd in (self.read_fd, self.write_fd):
            try:
                if fd_identity(fd) == self.identity:
                    os.close(fd)
            except OSError:
                pass
