"""The walk: from roots through everything reachable to columns of nodes and edges.

Nodes are numbered in the order they are found and processed in that order, so the edges of a node
are contiguous as the file format wants them. Objects are known by address only: no hash and no
comparison of the program's objects ever runs. A native walker can take the place of `walk`: it
gets the same roots and has to produce the same columns, or write the file itself.
"""
from . import containers, instances, internals
from .compat import IMMORTAL, array, itertools, sys
from .naming import (CLOSURE, CODE, NATIVE, NUMBER, OBJECT, PREVIEW, STRING, Names,
                     isinstance_of_type)
from .sizes import sizer
from .static import (Builtin, Function, Module, class_name, defining_module, module_dict,
                     solid_base, type_mro, type_name)

BATCH = 1024  # objects between two looks at progress and cancel
STRIDE = 9  # node fields of the file: edges point at positions in the flat array


class Sink(object):
    """What the edge functions write to. Set up once per walk."""

    def __init__(self, first, own, may_touch, known_dicts):
        self.base = first  # ordinal of the first object node; synthetic nodes come before
        self.own = own  # addresses that are not to be in the picture
        self.may_touch = may_touch  # a copy of the process: creating a __dict__ harms nobody
        self.known_dicts = known_dicts
        self.virtual = True  # also make edges that show a path but hold no reference
        self.stride = STRIDE
        self.names = Names()
        self.index = {}  # address -> ordinal * STRIDE
        self.objects = []
        self.folded = set()  # dicts whose entries are shown on their owner
        self.e_type, self.e_name, self.e_to = bytearray(), array('I'), array('I')
        self.pending = []  # (edge position, weak referent)
        self.n_refs = array('Q')  # reference counts, in node order
        self.extra = {}  # address -> references the walk itself held when the count was read
        self.link = self._linker()

    def _linker(self):
        index, objects, own, base = self.index, self.objects, self.own, self.base
        add_to, add_name, add_type = self.e_to.append, self.e_name.append, self.e_type.append

        def link(edge, name, child):
            address = id(child)
            target = index.get(address)
            if target is None:
                if address in own:
                    return
                target = index[address] = (base + len(objects)) * STRIDE
                objects.append(child)
            add_to(target)
            add_name(name)
            add_type(edge)
        return link

    def later(self, edge, name, child):
        address = id(child)
        if address not in self.own:
            self.pending.append((len(self.e_to), child))
            target = self.index.get(address)
            if target is None or target // STRIDE - self.base >= len(self.n_refs):
                self.extra[address] = self.extra.get(address, 0) + 1
            self.e_to.append(0)
            self.e_name.append(name)
            self.e_type.append(edge)

    def enter(self, child):
        """Makes a node for an object that no edge leads to yet; None when it is ours."""
        address = id(child)
        target = self.index.get(address)
        if target is None and address not in self.own:
            target = self.index[address] = (self.base + len(self.objects)) * STRIDE
            self.objects.append(child)
        return target


class Walk(object):
    """Columns of the nodes, and the loop that fills them."""

    def __init__(self, first, own, may_touch, known_dicts=None):
        self.sink = Sink(first, own, may_touch, known_dicts)
        self.n_plan, self.n_name, self.n_edges = array('I'), array('I'), array('I')
        self.n_size = array('Q')
        self.plan_type, self.plan_class = [], []  # node type and class name of each plan
        self.plans = {}  # address of a type -> (number, name, size, edges); keeps the type
        sink = self.sink
        sink.plans = self.plans
        self.n_refs = sink.n_refs
        self.handlers = containers.make(sink)
        self.edges_for = instances.make(sink)
        self.handlers.update(internals.make(sink))
        self.done = 0

    def plan_for(self, cls):
        """How to treat objects of exactly this type."""
        names = self.sink.names
        if type(type_mro(cls)) is not tuple:  # never made ready by its C code: look at nothing
            self.plan_type.append(OBJECT)
            self.plan_class.append(names.whole(type_name(cls)))
            plan = (len(self.plan_type) - 1, self.plan_class[-1], object.__sizeof__, None, cls)
            self.plans[id(cls)] = plan
            return plan
        title = class_name(cls)
        kind, name = OBJECT, names.whole(title)
        edges = self.handlers.get(id(cls))
        if edges is None:
            edges = self._edges(cls)
        if cls is int or cls is float or cls is complex or cls is bool:
            kind = NUMBER
        elif cls is bytes or cls is bytearray or title in ('array.array', 'mmap.mmap',
                                                          'numpy.ndarray'):
            kind = NATIVE
        elif cls is str:
            kind, name = STRING, _name_str
        elif cls is Function:
            kind, name = CLOSURE, _name_function
        elif cls is Builtin:
            kind, name = CLOSURE, _name_builtin
        elif cls is internals.Method:
            kind = CLOSURE
        elif cls is internals.Code:
            kind, name = CODE, _name_code
        elif solid_base(cls) is Module:
            name = _name_module
        elif isinstance_of_type(cls):
            name = _name_class
        number = len(self.plan_type)
        self.plan_type.append(kind)
        self.plan_class.append(names.whole(title))
        size = sizer(cls)
        plan = (number, name, None if size is sys.getsizeof else size, edges, cls)
        self.plans[id(cls)] = plan
        return plan

    def _edges(self, cls):
        sink = self.sink
        for base in type_mro(cls):
            if base is sink.reference_type:
                return sink.on_reference if cls is base else self._subclassed(cls)
            if base is type:
                return sink.on_type
            if type_name(base) == 'ndarray' and defining_module(base) == 'numpy':
                first = sink.on_array(base)
                return first if cls is base else self._both(first, self.edges_for(cls))
        if cls is int or cls is str or cls is float or cls is bytes or cls is bool:
            return None
        return self.edges_for(cls)

    @staticmethod
    def _both(first, second):
        def edges(o):
            first(o)
            second(o)
        return edges

    def _subclassed(self, cls):
        """Subclasses of weakref.ref: the weak edge, then whatever attributes they have."""
        general = self.edges_for(cls)
        sink = self.sink

        def edges(o):
            target = sink.reference_type.__call__(o)
            if target is not None:
                sink.later(6, sink.names.of('referent'), target)
            general(o)
        return edges

    def run(self, tick):
        """Processes every object found so far and everything they lead to.

        tick(done, known) is called every BATCH objects; it may raise to end the walk.
        """
        sink = self.sink
        objects, e_to, names = sink.objects, sink.e_to, sink.names
        find_plan, plan_for = self.plans.get, self.plan_for
        add_plan, add_name, add_edges = self.n_plan.append, self.n_name.append, self.n_edges.append
        add_size, add_refs = self.n_size.append, self.n_refs.append
        table = names.table.get
        getsizeof, getrefcount = sys.getsizeof, sys.getrefcount
        extra = self._extra_references()
        islice = itertools.islice
        iterator = iter(objects)
        iterator.__setstate__(self.done)
        before = len(e_to)
        while self.done < len(objects):
            for o in islice(iterator, BATCH):
                add_refs(getrefcount(o) - extra)
                cls = type(o)
                plan = find_plan(id(cls))
                if plan is None:
                    plan = plan_for(cls)
                number, name, size, edges, _ = plan
                add_plan(number)
                add_size(getsizeof(o) if size is None else size(o))
                if edges is None:
                    if cls is str:
                        text = o if len(o) <= PREVIEW else o[:PREVIEW] + '\u2026'
                        name = table(text)
                        if name is None:
                            name = names.of(o)
                    add_name(name)
                    add_edges(0)
                    continue
                edges(o)
                after = len(e_to)
                add_edges(after - before)
                before = after
                add_name(name if name.__class__ is int else name(names, o))
            self.done = len(self.n_plan)
            tick(self.done, len(objects))
        del o, iterator

    def _extra_references(self):
        """References the loop in `run` itself has on the object it looks at."""
        getrefcount = sys.getrefcount
        probes = [object()]
        for o in itertools.islice(iter(probes), 1):
            seen = getrefcount(o)
        return seen

    def settle_references(self, extra):
        """Takes what the walk itself holds out of the reference counts.

        extra: address -> references held by roots and frame copies.
        """
        index, base, refs = self.sink.index, self.sink.base, self.n_refs
        for address, count in self.sink.extra.items():
            extra[address] = extra.get(address, 0) + count
        for address, count in extra.items():
            place = index.get(address)
            if place is not None and place // STRIDE >= base:
                at = place // STRIDE - base
                if at < len(refs) and refs[at] < IMMORTAL:
                    refs[at] = max(refs[at] - count, 1)


    def dispose(self):
        """Lets go of everything: the closures over the columns form cycles, and the collector
        may be off."""
        for column in (self.sink.objects, self.sink.index, self.sink.folded, self.sink.pending,
                       self.sink.names.table, self.handlers, self.plans):
            column.clear()
        self.sink.__dict__.clear()
        self.__dict__.clear()


def _name_str(names, o):
    return names.of(o)


def _name_function(names, o):
    return names.of(o.__qualname__)


def _name_builtin(names, o):
    name = o.__name__
    return names.of(name) if type(name) is str else names.of('builtin')


def _name_code(names, o):
    return names.whole('%s (%s:%d)' % (o.co_name[:PREVIEW], o.co_filename[-120:],
                                       o.co_firstlineno))


def _name_module(names, o):
    namespace = module_dict(o)
    name = dict.get(namespace, '__name__') if type(namespace) is dict else None
    return names.whole('module ' + (name[:PREVIEW] if type(name) is str else '?'))


def _name_class(names, o):
    if type(type_mro(o)) is not tuple:
        return names.whole('class ' + type_name(o))
    return names.whole('class ' + class_name(o))
