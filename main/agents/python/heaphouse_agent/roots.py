"""Where the program's objects are held: modules, threads with their frames, built-in types."""
from . import own
from .compat import sys
from .internals import frame_locals
from .naming import ELEMENT, INTERNAL, PROPERTY
from .static import (MISSING, is_heap_type, lookup, shadows_instance)

MAX_FRAMES = 2000  # per thread; deeper recursion is cut in the middle of nowhere, and said so

ROOT, GC_ROOTS, MODULES, THREADS, TYPES, HELD, GARBAGE, INTERNED, FIRST_THREAD = range(9)
TITLES = ['', '(GC roots)', '(modules)', '(threads)', '(builtin types)', '(held by C code)',
          '(unreachable garbage)', '(interned strings)']


class FrameCopy(object):
    def __init__(self, frame):
        code = frame.f_code
        self.frame = frame
        self.title = '%s (%s:%d)' % (code.co_name[:100], code.co_filename[-120:],
                                     frame.f_lineno or code.co_firstlineno)
        self.optimized = bool(code.co_flags & 1)
        self.variables = frame_locals(frame) if self.optimized else None
        self.namespace = None if self.optimized else frame.f_locals
        self.globals = frame.f_globals
        self.code = code


class ThreadCopy(object):
    def __init__(self, ident, name, thread):
        self.ident = ident
        self.name = name
        self.thread = thread
        self.frames = []
        self.cut = False


class Roots(object):
    """Collected in the living process, before a copy is made: a copy has no other threads."""

    def __init__(self, main_ident):
        self.modules = []
        ours = set([id(m) for _, m in own.modules()])
        table = sys.modules
        for name, module in list(dict.items(table)) if isinstance(table, dict) else []:
            if id(module) not in ours:
                self.modules.append((name if type(name) is str else '?', module))
        self.modules.sort(key=lambda pair: pair[0] != '__main__')
        self.threads = []
        self.own_frames = []
        known = _thread_objects()
        frames = sys._current_frames()
        for ident in sorted(frames, key=lambda i: (i != main_ident, i)):
            frame = frames[ident]
            if ident in own.threads:
                while frame is not None:
                    self.own_frames.append(frame)
                    frame = frame.f_back
                continue
            thread = known.get(ident)
            name = _thread_name(thread)
            if name is None:
                name = 'MainThread' if ident == main_ident else 'thread'
            copy = ThreadCopy(ident, name, thread)
            while frame is not None:
                if len(copy.frames) >= MAX_FRAMES:
                    copy.cut = True
                    break
                copy.frames.append(FrameCopy(frame))
                frame = frame.f_back
            self.threads.append(copy)
        del frames, frame

    def dispose(self):
        """Lets go of everything: frames of our own among it hold this object in turn."""
        self.modules, self.own_frames = [], []
        for thread in self.threads:
            thread.frames = []
        self.threads = []

    def held(self):
        # type: () -> dict
        """Address -> references these copies add to an object's count."""
        extra = {}

        def add(o):
            extra[id(o)] = extra.get(id(o), 0) + 1

        for _, module in self.modules:
            add(module)
        for thread in self.threads:
            if thread.thread is not None:
                add(thread.thread)
            for copy in thread.frames:
                add(copy.globals)
                add(copy.code)
                if copy.namespace is not None:
                    add(copy.namespace)
                for value in (copy.variables or {}).values():
                    add(value)
        return extra

    def lay(self, sink):
        """Numbers the synthetic nodes and makes their edges; the walk goes on from there.

        Returns [[title, [(edge type, name index, target)]]] in node order.
        """
        names = sink.names
        nodes = [[title, []] for title in TITLES]

        def tie(parent, edge, name, child):
            target = sink.enter(child)
            if target is not None:
                nodes[parent][1].append((edge, name, target))

        def under(parent, position, child):
            nodes[parent][1].append((ELEMENT, position, child * sink.stride))

        under(ROOT, 1, GC_ROOTS)
        for position, group in enumerate(range(MODULES, FIRST_THREAD)):
            under(GC_ROOTS, position + 1, group)
        place = FIRST_THREAD
        spots = []
        for number, thread in enumerate(self.threads):
            nodes.append(['thread ' + thread.name, []])
            nodes[THREADS][1].append((PROPERTY, names.whole(thread.name), place * sink.stride))
            parent, place = place, place + 1
            for depth, copy in enumerate(thread.frames):
                nodes.append([copy.title, []])
                under(parent, depth, place)
                spots.append((place, parent, thread, copy))
                # The interpreter's frame object, where one exists, is this node.
                sink.index[id(copy.frame)] = place * sink.stride
                place += 1
        assert place == sink.base
        for name, module in self.modules:
            tie(MODULES, PROPERTY, names.of(name), module)
        first = None
        for place, parent, thread, copy in spots:
            if thread is not first and thread.thread is not None:
                tie(parent, INTERNAL, names.of('Thread object'), thread.thread)
            first = thread
            if copy.variables is not None:
                for name, value in copy.variables.items():
                    tie(place, PROPERTY, names.of(name if type(name) is str else '?'), value)
            else:
                tie(place, INTERNAL, names.of('f_locals'), copy.namespace)
            tie(place, INTERNAL, names.of('f_globals'), copy.globals)
            tie(place, INTERNAL, names.of('f_code'), copy.code)
        for position, cls in enumerate(static_types()):
            tie(TYPES, ELEMENT, position, cls)
        return nodes

    def count(self):
        # type: () -> int
        """How many synthetic nodes `lay` will make."""
        return FIRST_THREAD + sum([1 + len(t.frames) for t in self.threads])


def _thread_objects():
    # type: () -> dict
    module = sys.modules.get('threading')
    if type(module) is not type(sys):
        return {}
    active = module.__dict__.get('_active')
    return dict(active) if type(active) is dict else {}


def _thread_name(thread):
    if thread is None:
        return None
    cls = type(thread)
    if shadows_instance(cls, '_name') or lookup(cls, '_name') is not MISSING:
        return None
    try:
        name = object.__getattribute__(thread, '_name')
    except AttributeError:
        return None
    return name[:100] if type(name) is str else None


def static_types():
    # type: () -> list
    """Every type that is not a Python class and not made by C at run time."""
    found, stack, seen = [], [object], set()
    subclasses = type.__subclasses__
    while stack:
        cls = stack.pop()
        if id(cls) in seen or is_heap_type(cls):
            continue
        seen.add(id(cls))
        found.append(cls)
        try:
            stack.extend(subclasses(cls))
        except TypeError:
            if cls is type:
                stack.extend(subclasses(type))
    return found
