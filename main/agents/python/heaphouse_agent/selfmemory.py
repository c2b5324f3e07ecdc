"""Reads this process's memory through the system, so that an address that is gone is an error and
not a crash. Only used where the workbench may not read the process from outside."""
from .compat import os

MAX_ANSWER = 1 << 20  # bytes of one answer
MAX_READ = 4 << 20  # bytes taken at one go, with the interpreter lock released
MAX_RANGES = 4096
MAX_SEARCH = 1 << 34
MAX_FOUND = 64


def opened():
    return os.open('/proc/self/mem', os.O_RDONLY | os.O_CLOEXEC)


def pieces(reads, take, stride):
    # type: (list, int, int) -> tuple
    """`count` pieces of `take` bytes, `stride` apart, from each (address, count).

    Returns the bytes and the numbers of the ranges that could not be read (zeros stand for them).
    """
    answer, lost = bytearray(), []
    buffer = bytearray(min(MAX_READ, max([stride * (c - 1) + take for _, c in reads] or [0])))
    view = memoryview(buffer)
    fd = opened()
    try:
        for number, (address, count) in enumerate(reads):
            length = stride * (count - 1) + take
            try:
                got = os.preadv(fd, [view[:length]], address)
            except (OSError, OverflowError):
                got = 0
            if got < length:
                lost.append(number)
                answer += bytes(take * count)
            elif take == stride or count == 1:
                answer += view[:length]
            else:
                for at in range(0, length, stride):
                    answer += view[at:at + take]
    finally:
        os.close(fd)
        view.release()
    return answer, lost


def search(needles, ranges, limit):
    # type: (list, list, int) -> list
    """Addresses, multiples of 8, where one of the needles stands."""
    found = []
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    fd = opened()
    try:
        for start, end in ranges:
            while start < end and len(found) < limit:
                length = min(end - start, len(buffer))
                try:
                    got = os.preadv(fd, [view[:length]], start)
                except (OSError, OverflowError):
                    break
                for needle in needles:
                    at = buffer.find(needle, 0, got)
                    while at >= 0 and len(found) < limit:
                        if (start + at) % 8 == 0:
                            found.append(start + at)
                        at = buffer.find(needle, at + 1, got)
                if got < length:
                    break
                # Needles are aligned words: none lies across two pieces.
                start += length
    finally:
        os.close(fd)
        view.release()
    return found


__all__ = ['pieces', 'search']
