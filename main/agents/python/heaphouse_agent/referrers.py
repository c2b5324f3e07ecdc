"""Who holds one object: its reference count, and the references that can be named.

The object is never in a variable here: it stands in a list of one (`held`), so that what we hold
ourselves is known on every version: that one reference. Nothing of the program's code runs.
"""
from . import internals, own
from .compat import IMMORTAL, _thread, deque, gc, monotonic_ms, sys
from .fields import instance_dict, short
from .naming import isinstance_of_type, key_text
from .static import Function, Module, class_name, module_dict, solid_base, type_dictoffset
from .walk import STRIDE, Walk

MAX_REFERRERS = 200  # listed
MAX_OWNERS = 40  # dicts whose owner is looked for: each costs a look at the whole heap
SEARCH_MS = 1500.0  # for what the collector does not list: keys, constants, untracked tuples
STATIC_COUNT = 900000000  # up to 3.11 static objects begin at 999,999,999
ATOMS = (str, bytes, int, float, complex, tuple, frozenset, type(None))
CONTAINERS = (list, tuple, dict, set, frozenset, deque)
Frame = internals.Frame


def count_of(held):
    # type: (list) -> int
    """References to held[0] without ours: the argument and the list."""
    return sys.getrefcount(held[0]) - 2


def standing(count):
    # type: (int) -> str
    """'immortal', 'static' (begins at a huge number, 3.11) or 'counted'."""
    if sys.version_info >= (3, 12):
        return 'immortal' if count + 2 >= IMMORTAL else 'counted'
    return 'static' if count >= STATIC_COUNT - 1000000 else 'counted'


class Finder(object):
    """Names of the references to one object. `ours`: addresses of containers of our own."""

    def __init__(self, ours):
        self.ours = set(ours)
        self.modules = {}
        for name, module in list(sys.modules.items()):
            if type(name) is str and solid_base(type(module)) is Module:
                namespace = module_dict(module)
                if type(namespace) is dict:
                    self.modules.setdefault(id(namespace), name)
        self.owners_left = MAX_OWNERS
        self.globals = None

    def containers(self, held):
        # type: (list) -> list
        """An entry for each reference of what the collector lists."""
        found = []
        holders = gc.get_referrers(*held)
        ours = self.ours
        ours.update((id(held), id(holders), id(found)))
        running = running_frames()
        try:
            for place in range(len(holders)):
                if type(holders[place]) is tuple and sys.getrefcount(holders[place]) == 2:
                    continue  # the arguments of the call: only `holders` has them
                holder = holders[place]
                if id(holder) in ours or len(found) >= MAX_REFERRERS:
                    continue
                if type(holder) is Frame:
                    if id(holder) not in running:  # `variables` tells of those that run
                        for name in variable_names(holder, id(held[0])):
                            found.append(self.entry(holder, 'local', name))
                    continue
                for name, kind in self.names(holder, held):
                    found.append(self.entry(holder, kind, name))
        finally:
            del holders
            holder = None
        return found

    def names(self, holder, held):
        # type: (object, list) -> list
        """[(name, kind)]: one for each reference the holder has."""
        address = id(held[0])
        cls = type(holder)
        if cls is dict:
            return dict_names(holder, address)
        if cls in (list, tuple, deque):
            items = holder if cls is tuple else list(holder)
            return [('[%d]' % at, 'element') for at, item in enumerate(items)
                    if id(item) == address]
        if cls is set or cls is frozenset:
            return [('', 'element')]
        return edge_names(holder, address, self.ours)

    def entry(self, holder, kind, name):
        # type: (object, str, str) -> dict
        cls = type(holder)
        found = {'kind': kind, 'name': name, 'type': class_name(cls), 'address': '%x' % id(holder)}
        if cls is dict:
            module = self.modules.get(id(holder))
            if module is not None:
                found['holder'] = 'module ' + module
                if kind == 'item':
                    found['kind'], found['name'] = 'global', plain_name(name)
                return found
            owner = self.owner(holder)
            if owner is not None:
                if kind == 'item':
                    found['kind'], found['name'] = 'attribute', plain_name(name)
                found['holder'] = owner
                return found
        found['holder'] = describe(holder)
        if cls in CONTAINERS:
            name = self.global_name(holder)
            if name is not None:
                found['holder'] = '%s, a %s of %d' % (name, cls.__name__, len(holder))
        return found

    def global_name(self, holder):
        """`app.handlers.cache` when a variable of a module is this very container."""
        if self.globals is None:
            self.globals = {}
            for namespace in [module_dict(m) for m in list(sys.modules.values())
                              if solid_base(type(m)) is Module]:
                module = self.modules.get(id(namespace))
                if module is not None:
                    for key, value in dict.copy(namespace).items():
                        if type(value) in CONTAINERS and type(key) is str:
                            self.globals.setdefault(id(value), '%s.%s' % (module, key[:100]))
            namespace = value = None
        return self.globals.get(id(holder))

    def owner(self, namespace):
        """What a dict is the `__dict__` or the namespace of, as text."""
        if self.owners_left <= 0:
            return None
        self.owners_left -= 1
        for holder in gc.get_referrers(namespace):
            cls = type(holder)
            if isinstance_of_type(cls) or cls is Function:
                if cls is Function and holder.__globals__ is namespace:
                    continue
                return describe(holder)
            if cls not in (dict, list, tuple, Frame) and type_dictoffset(cls):
                return describe(holder)
        return None


def dict_names(holder, address):
    found = []
    for key, value in dict.copy(holder).items():
        if id(value) == address:
            found.append((key_name(key), 'item'))
        if id(key) == address:
            found.append((key_text(key), 'key'))
    return found


def key_name(key):
    return '[' + key_text(key) + ']'


def plain_name(name):
    """`['a']` as an attribute: `a`."""
    return name[2:-2] if name.startswith("['") and name.endswith("']") else name


def edge_names(holder, address, made=None):
    """Through the edges that snapshots have, without those that only show a path. `made` takes the
    addresses of dicts that came to be by looking."""
    walk = Walk(0, set(), False)
    try:
        sink = walk.sink
        sink.virtual = False
        plan = walk.plan_for(type(holder))
        edges = plan[3]
        if edges is None:
            return [('', 'internal')]
        edges(holder)
        texts = {number: text for text, number in sink.names.table.items()}
        found = []
        for place, target in enumerate(sink.e_to):
            if id(sink.objects[target // STRIDE]) != address or sink.e_type[place] == 6:
                continue
            kind = sink.e_type[place]
            if kind == 4:
                name, kind = attribute_name(holder, address, made), 2
            elif kind == 1:
                name = '[%d]' % sink.e_name[place]
            else:
                name = texts.get(sink.e_name[place], '')
            found.append((name, ('context', 'element', 'attribute', 'internal', 'internal',
                                 'internal', 'weak')[kind]))
        return found or [('', 'internal')]
    except Exception:
        return [('', 'internal')]
    finally:
        walk.dispose()


def attribute_name(holder, address, made):
    """Of an instance that keeps its values inline. Looking at one object may create its dict."""
    attributes = instance_dict(holder)
    if made is not None:
        made.add(id(attributes))
    for key, value in attributes.items():
        if id(value) == address and type(key) is str:
            return key[:100]
    return ''


def describe(holder):
    # type: (object) -> str
    """A short text for what holds: `function app.run`, `class app.Node`, `list(3) {...}`."""
    cls = type(holder)
    if cls is Function:
        return 'function %s' % holder.__qualname__[:200]
    if isinstance_of_type(cls):
        return 'class %s' % class_name(holder)
    if solid_base(cls) is Module:
        return 'module %s' % str(dict.get(module_dict(holder), '__name__'))[:200]
    if cls is internals.Code:
        return 'code of %s (%s:%d)' % (holder.co_name, holder.co_filename[-80:],
                                       holder.co_firstlineno)
    if cls is internals.Cell:
        return 'cell of a closure'
    return short(holder)[:200]


def running_frames():
    # type: () -> set
    """Addresses of the frames of every thread."""
    found = set()
    for frame in sys._current_frames().values():
        while frame is not None:
            found.add(id(frame))
            frame = frame.f_back
    return found


def variable_names(frame, address):
    # type: (object, int) -> list
    values = internals.frame_locals(frame)
    names = [name for name, value in values.items() if id(value) == address and type(name) is str]
    values.clear()
    return names


def variables(held, besides=None):
    # type: (list, object) -> list
    """Variables of functions that run, on every thread but ours. Those at module level are found
    as the module's. `besides`: a traced frame and the trace function above it, left out."""
    found = []
    for ident, frame in sys._current_frames().items():
        if besides is not None and ident == _thread.get_ident():
            frame = besides.f_back
        while frame is not None and ident not in own.threads:
            if frame.f_code.co_flags & 1 and not frame.f_code.co_filename.startswith(own_folder()):
                for name in variable_names(frame, id(held[0])):
                    found.append({
                        'kind': 'local', 'name': name, 'type': 'frame',
                        'holder': 'variable of %s, %s:%d' % (
                            frame.f_code.co_name, frame.f_code.co_filename[-120:],
                            frame.f_lineno)})
            frame = frame.f_back
    return found


def constants(held, deadline):
    # type: (list, float) -> tuple
    """([entry], searched everything): constants of code, which the collector does not follow."""
    found, seen = [], set()
    address = id(held[0])
    if type(held[0]) not in ATOMS:
        return found, True
    pending = []
    for ident, frame in sys._current_frames().items():
        while frame is not None and ident not in own.threads:
            pending.append(frame.f_code)
            frame = frame.f_back
    everything = gc.get_objects()
    for place, one in enumerate(everything):
        if type(one) is Function:
            pending.append(Function.__dict__['__code__'].__get__(one))
        if not place % 10000 and monotonic_ms() > deadline:
            break
    else:
        place = -1
    complete = place == -1
    del everything
    one = None
    while pending:
        code = pending.pop()
        if id(code) in seen or code.co_filename.startswith(own_folder()):
            continue
        seen.add(id(code))
        for at, constant in enumerate(code.co_consts):
            if id(constant) == address:
                found.append({'kind': 'constant', 'name': 'constant %d' % at, 'type': 'code',
                              'holder': describe(code), 'address': '%x' % id(code.co_consts)})
            elif type(constant) is internals.Code:
                pending.append(constant)
        constant = None
    return found, complete


def own_folder():
    return __file__.rpartition('/')[0] if '/' in __file__ else __file__.rpartition('\\')[0]


def keys_and_untracked(held, finder, known, deadline):
    # type: (list, Finder, set, float) -> tuple
    """([entry], searched everything): keys of dicts, and tuples and dicts the collector has stopped
    following because all they hold is atoms. `known`: addresses of holders told already."""
    found, seen = [], set(known)
    address = id(held[0])
    is_text = type(held[0]) is str
    everything = gc.get_objects()
    skip = finder.ours
    skip.add(id(everything))
    complete = True
    try:
        for at in range(0, len(everything), 2000):
            if monotonic_ms() > deadline:
                complete = False
                break
            batch = everything[at:at + 2000]
            skip.add(id(batch))
            for one in batch:
                if is_text and type(one) is dict and id(one) not in skip:
                    for key in list(one):
                        if id(key) == address:
                            found.append(finder.entry(one, 'key', key_text(key)))
                    key = None
            for child in gc.get_referents(*batch):
                if (type(child) is tuple or type(child) is dict) and id(child) not in seen \
                        and id(child) not in skip \
                        and not gc.is_tracked(child):
                    seen.add(id(child))
                    if type(child) is tuple:
                        for place, item in enumerate(child):
                            if id(item) == address:
                                found.append(finder.entry(child, 'element', '[%d]' % place))
                        item = None
                    else:
                        for name, kind in dict_names(child, address):
                            found.append(finder.entry(child, kind, name))
            child = one = None
            if len(found) > MAX_REFERRERS:
                break
    finally:
        del everything
        batch = None
    return found, complete


def report(held, ours, mine):
    # type: (list, list, list) -> dict
    """The result of Python.getReferrers. `ours`: addresses of our own containers that hold it;
    `mine`: (name, references) of those."""
    began = monotonic_ms()
    held_elsewhere = sum([number for _, number in mine])
    count = count_of(held) - held_elsewhere
    state = standing(count + held_elsewhere)
    finder = Finder(ours)
    deadline = began + SEARCH_MS
    containers, local = finder.containers(held), variables(held)
    fixed, all_code = constants(held, deadline)
    tuples = set([e['address'] for e in fixed])  # the collector lists some of these as well
    containers = [e for e in containers if e['address'] not in tuples]
    known = set([int(e['address'], 16) for e in containers + fixed])
    further, all_keys = [], True
    counted = len(containers) + len(local) + len(fixed)
    if counted < min(count, MAX_REFERRERS):
        if type(held[0]) in ATOMS or not gc.is_tracked(held[0]):
            further, all_keys = keys_and_untracked(held, finder, known, deadline)
    entries = containers + local + fixed + further
    notes = []
    frozen = gc.get_freeze_count()
    if frozen:
        notes.append('%d frozen objects (gc.freeze) are not searched.' % frozen)
    if not all_code or not all_keys:
        notes.append('The heap is large: constants, keys and tuples of constants were searched for '
                     '%.1f s only.' % (SEARCH_MS / 1000))
    if type(held[0]) is str and state == 'counted':
        notes.append('Names of attributes that instances share (key-sharing dicts) and interned '
                     'names hold text from C.')
    result = {
        'type': class_name(type(held[0])), 'text': short(held[0])[:300],
        'address': '%x' % id(held[0]), 'state': state,
        'count': count if state == 'counted' else None,
        'referrers': entries[:MAX_REFERRERS], 'named': len(entries),
        'ours': [{'name': name, 'count': number} for name, number in mine
                 if number] + [{'name': 'kept by Heaphouse for this question', 'count': 1}],
        'tracked': gc.is_tracked(held[0]), 'notes': notes,
    }
    if len(entries) >= MAX_REFERRERS:
        notes.append('Only the first %d referrers are listed.' % MAX_REFERRERS)
    elif state == 'counted':
        result['heldFromC'] = max(0, count - len(entries))
        if len(entries) > count:
            result['borrowed'] = len(entries) - count
    result['elapsedMs'] = monotonic_ms() - began
    return result
