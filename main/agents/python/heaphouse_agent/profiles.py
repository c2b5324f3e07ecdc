"""Profiles as text: trees of any depth in the shapes of `HeapProfiler` and `Profiler`."""
from .codec import quote
from .compat import sys
from .sampling import TITLES

HAS_QUALNAME = sys.version_info >= (3, 11)


class Frames(object):
    """`callFrame` of code objects; a script is a file."""

    def __init__(self):
        self.scripts = {}
        self.parts = {}

    def text(self, code, line):
        """`line`: counted from 1; 0 where there is none."""
        known = self.parts.get(id(code))
        if known is None:
            name = code.co_qualname if HAS_QUALNAME else code.co_name
            file = code.co_filename
            known = self.parts[id(code)] = '{"functionName":%s,"scriptId":"%d","url":%s,' % (
                quote(name), self.scripts.setdefault(file, len(self.scripts) + 1), quote(file))
        return '%s"lineNumber":%d,"columnNumber":%d}' % (known, line - 1, 0 if line else -1)


def plain_frame(name):
    # type: (str) -> str
    return ('{"functionName":%s,"scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1}'
            % quote(name))


def number(value):
    # type: (float) -> str
    return '%d' % round(value)


def heap_profile(taken, collected, extra):
    # type: (object, bool, str) -> str
    """SamplingHeapProfile of a sampling.Taken. `collected`: also what was freed since.

    A node is a line, not a function; parents always stand before their children."""
    count = taken.count
    weights = taken.total_bytes if collected else taken.live_bytes
    counts = taken.total_count if collected else taken.live_count
    wanted = bytearray(count)
    wanted[0] = 1
    parents = taken.parents
    for at in range(count - 1, 0, -1):
        if wanted[at] or counts[at] > 0.01:
            wanted[at] = wanted[parents[at]] = 1
    frames = Frames()
    children = [[] for _ in range(count)]
    for at in range(count - 1, 0, -1):
        if wanted[at]:
            code, line = taken.codes[at], taken.lines[at]
            frame = plain_frame(TITLES.get(line, '(unknown)')) if code is None else \
                frames.text(code, line)
            inner = children[at]
            inner.reverse()
            children[at] = None
            children[parents[at]].append('{"callFrame":%s,"selfSize":%s,"id":%d,"children":[%s]}' % (
                frame, number(max(weights[at], 0)), at + 1, ','.join(inner)))
    children[0].reverse()
    entries, samples = taken.entries, []
    factors = memoryview(entries).cast('B').cast('d')
    order = sorted(range(taken.samples), key=lambda i: entries[4 * i + 1])
    for i in order:
        samples.append('{"size":%s,"nodeId":%d,"ordinal":%d}' % (
            number(entries[4 * i + 2] * factors[4 * i + 3]), entries[4 * i] + 1,
            entries[4 * i + 1]))
    return '{"head":{"callFrame":%s,"selfSize":%s,"id":1,"children":[%s]},"samples":[%s],"python":%s}' \
        % (plain_frame('(root)'), number(max(weights[0], 0)), ','.join(children[0]),
           ','.join(samples), extra)


__all__ = ['Frames', 'heap_profile', 'plain_frame']
