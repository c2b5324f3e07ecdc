"""Where snapshot text goes: a file, or chunks for a client."""
from .compat import os

BLOCK = 1 << 20  # bytes gathered before a write to disk
CHUNK = 100 * 1024  # characters of a HeapProfiler.addHeapSnapshotChunk


class FileSink(object):
    """Writes to a descriptor in big blocks; OSError (disk full, limit) goes to the caller."""

    def __init__(self, fd):
        self.fd = fd
        self.parts = []
        self.held = 0
        self.bytes = 0

    def write(self, data):
        # type: (bytes) -> None
        self.parts.append(data)
        self.held += len(data)
        if self.held >= BLOCK:
            self.flush()

    def flush(self):
        view = memoryview(b''.join(self.parts))
        self.parts, self.held = [], 0
        while view:
            sent = os.write(self.fd, view)
            self.bytes += sent
            view = view[sent:]


class ChunkSink(object):
    """Cuts the text into chunks and hands each to `emit(text)`."""

    def __init__(self, emit):
        self.emit = emit
        self.parts = []
        self.held = 0
        self.bytes = 0

    def write(self, data):
        # type: (bytes) -> None
        self.parts.append(data)
        self.held += len(data)
        if self.held >= CHUNK:
            whole = b''.join(self.parts)
            end = len(whole) - len(whole) % CHUNK
            for at in range(0, end, CHUNK):
                self._emit(whole[at:at + CHUNK])
            self.parts, self.held = [whole[end:]], len(whole) - end

    def flush(self):
        whole = b''.join(self.parts)
        self.parts, self.held = [], 0
        if whole:
            self._emit(whole)

    def _emit(self, data):
        self.bytes += len(data)
        self.emit(data.decode('ascii'))
