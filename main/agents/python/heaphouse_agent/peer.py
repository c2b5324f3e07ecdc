"""Which user is at the other end of a loopback connection (Linux).

Loopback is open to every user of the machine, and the discovery endpoint gives the address with its
token away, as DevTools clients expect. So the agent answers the user it runs as and root, nobody else.
"""
import sys

from .compat import os

TABLE = '/proc/thread-self/net/tcp'
LOOPBACK = b'0100007F' if sys.byteorder == 'little' else b'7F000001'
UID_FIELD = 6  # counted from the local address: addresses, state, queues, timer, retransmits, uid
MAX_TABLE = 64 << 20  # bytes; about 400,000 connections


def _table():
    # type: () -> bytes
    fd = os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        size = 0
        while size < MAX_TABLE:
            part = os.read(fd, 1 << 16)
            if not part:
                break
            parts.append(part)
            size += len(part)
        return b''.join(parts)
    finally:
        os.close(fd)


def may_connect(peer_port, own_port):
    # type: (int, int) -> bool
    """False for another user's process; True also where the system has no such table."""
    try:
        table = _table()
    except OSError:
        return True
    at = table.find(b' %s:%04X %s:%04X ' % (LOOPBACK, peer_port, LOOPBACK, own_port))
    if at < 0:
        return False
    fields = table[at:at + 256].split()
    try:
        uid = int(fields[UID_FIELD])
    except (IndexError, ValueError):
        return False
    return uid in (0, os.geteuid())
