"""The reference count of one object, line by line, while code runs.

The code is a function of the program (its next call, on whatever thread) or a text that is run for
this purpose on a thread of ours. `sys.settrace` is used on that one thread and for that one frame.
What the tracing itself holds is taken out of the counts and listed: the one reference that keeps
the object for us, the copy of the variables that CPython up to 3.12 makes for a trace function, the
arguments on their way through our hook (measured, see `Handover`), constants of the traced code.
"""
from . import internals, own, referrers, workers
from .compat import _thread, gc, monotonic_ms, sys
from .fields import short
from .internals import Code, Function
from .static import class_name

MAX_STEPS = 2000
MAX_NAMES = 30  # told for one step
SEARCH_BUDGET_MS = 3000.0  # looks at the whole heap, all together
SOURCE = '<heaphouse trace>'
SNAPSHOTS = sys.version_info < (3, 13)  # `f_locals` of a function is a dict kept in its frame
GENERATOR_FLAGS = 0x20 | 0x80 | 0x200  # generator, coroutine, asynchronous generator
COUNTS = 'counted'


class Stopped(BaseException):
    """Ends a text of ours that runs too long."""


class Trace(object):
    """What was seen of one variable. `matches(frame)`: is it the frame that is meant?"""

    def __init__(self, variable, matches, most, deadline, may_stop):
        self.variable = variable
        self.matches = matches
        self.most = min(most, MAX_STEPS)
        self.deadline = deadline
        self.may_stop = may_stop
        self.steps = []
        self.held = []  # the object, once there is one
        self.names = {}
        self.count = None
        self.line = None
        self.frame_id = None
        self.handover = None
        self.file = ''
        self.first_line = 0
        self.function = ''
        self.problem = None
        self.cut = False
        self.budget = SEARCH_BUDGET_MS
        self.searched = True
        self.subtracted = {}
        self.containers = []
        self.over = False

    # On the traced thread.

    def on_call(self, frame, event, arg):
        if self.frame_id is not None or self.over or not self.matches(frame):
            return None
        self.frame_id = id(frame)
        self.file = frame.f_code.co_filename
        self.first_line = frame.f_code.co_firstlineno
        self.function = getattr(frame.f_code, 'co_qualname', frame.f_code.co_name)
        return self.on_event

    def on_event(self, frame, event, arg):
        if event == 'exception' or event == 'opcode':
            return self.on_event
        returned = event == 'return' and bool(self.held) and arg is self.held[0]
        del arg  # one reference less of ours
        try:
            self.look(frame, event, returned)
        except Stopped:
            raise
        except Exception as error:
            self.problem = '%s: %s' % (type(error).__name__, error)
            self.over = True
        if event == 'return' or self.over:
            self.over = True
            frame.f_trace = None
            sys.settrace(None)
            if self.may_stop and event != 'return':
                raise Stopped()
            return None
        return self.on_event

    def look(self, frame, event, returned):
        line, self.line = self.line, frame.f_lineno
        values = frame.f_locals
        plain = not frame.f_code.co_flags & 1
        rebound = False
        if self.variable in values:
            if not self.held or values[self.variable] is not self.held[0]:
                rebound = bool(self.held)
                self.held[:] = [values[self.variable]]
                self.names, self.count, self.containers = {}, None, []
        bound = self.variable in values
        if self.held:
            self.note(frame, values, plain, line, returned, bound, rebound)
        elif line is not None:
            self.steps.append({'line': line, 'bound': False, 'count': None, 'state': COUNTS,
                               'appeared': [], 'disappeared': []})
        if len(self.steps) >= self.most or monotonic_ms() > self.deadline:
            self.cut = self.over = True

    def note(self, frame, values, plain, line, returned, bound, rebound):
        held = self.held
        raw = sys.getrefcount(held[0]) - 2
        snapshot, names = 0, {}
        for name, value in values.items():
            if value is held[0] and type(name) is str:
                names[('global' if plain else 'local', name)] = 1
                snapshot += 1
        value = None
        ours = {}
        if not plain and SNAPSHOTS:
            ours['copy of the variables that CPython makes for tracing'] = snapshot
        if self.handover is not None:
            ours['arguments on their way through the hook'] = self.handover.references(held)
        constants = count_constants(frame.f_code, held)
        ours['constants of the traced code'] = constants
        state = referrers.standing(raw)
        count = raw - sum(ours.values()) if state == COUNTS else None
        ours['kept by Heaphouse to follow the object'] = 1
        self.subtracted.update(dict([(k, v) for k, v in ours.items() if v]))
        if returned:
            names[('result', 'return value')] = 1
        local = len(names)
        if self.count is None or count - self.count[0] != local - self.count[1]:
            self.search(held, values, frame, plain)  # the variables do not explain the change
        for entry in self.containers:
            key = (entry['kind'], label(entry))
            names[key] = names.get(key, 0) + 1
        before, self.names = self.names, names
        step = {'line': line or 0, 'bound': bound, 'count': count, 'state': state, 'rebound': rebound,
                'appeared': changes(names, before), 'disappeared': changes(before, names),
                'named': sum(names.values()), 'type': class_name(type(held[0])),
                'text': short(held[0])[:120], 'address': '%x' % id(held[0])}
        self.count = None if count is None else (count, local)
        self.steps.append(step)

    def search(self, held, values, frame, plain):
        """Containers that hold the object, besides the variables of the frame."""
        if self.budget <= 0:
            self.searched = False
            return
        began = monotonic_ms()
        # self.held is `held`; the copy of the variables and the arguments are ours as well.
        ours = [id(values), id(self.names)]
        if plain:
            ours = [id(frame.f_globals), id(frame.f_locals)]
        if self.handover is not None:
            ours.extend(self.handover.addresses())
        ours.extend(constant_tuples(frame.f_code))
        finder = referrers.Finder(ours)
        found = finder.containers(held)
        if type(held[0]) in referrers.ATOMS:  # also what the collector does not follow
            known = set([int(e['address'], 16) for e in found] + ours)
            more, complete = referrers.keys_and_untracked(held, finder, known, began + self.budget)
            found.extend(more)
            self.searched = self.searched and complete
        found.extend(referrers.variables(held, frame))
        self.containers = found
        self.budget -= monotonic_ms() - began

    # On a thread of ours, when it is over.

    def result(self, lines):
        for step in self.steps:
            step['source'] = lines.get(step['line'], '')
        found = {'file': self.file, 'function': self.function, 'firstLine': self.first_line,
                 'variable': self.variable, 'steps': self.steps, 'cut': self.cut,
                 'subtracted': [{'name': k, 'count': v} for k, v in self.subtracted.items()],
                 'containersSearched': self.searched, 'notes': []}
        if self.problem:
            found['notes'].append(self.problem)
        if not self.searched:
            found['notes'].append('The heap is large: containers were not searched at every line.')
        if sys.version_info >= (3, 14):
            found['notes'].append('From 3.14 on the interpreter borrows references of variables '
                                  'while it computes: such references are not counted.')
        self.held[:] = []
        return found


def label(entry):
    name = entry['name']
    holder = entry.get('holder', '')
    return ('%s in %s' % (name, holder) if name else holder)[:160]


def changes(now, before):
    found = []
    for key, number in now.items():
        more = number - before.get(key, 0)
        if more > 0 and len(found) < MAX_NAMES:
            found.append({'kind': key[0], 'name': key[1], 'count': more})
    return found


def all_code(code):
    """A code object and those among its constants."""
    pending, found = [code], []
    while pending and len(found) < 500:
        one = pending.pop()
        found.append(one)
        pending.extend([c for c in one.co_consts if type(c) is Code])
    return found


def count_constants(code, held):
    """References that constants of the code hold; only atoms are constants."""
    if type(held[0]) not in referrers.ATOMS:
        return 0
    found = 0
    for one in all_code(code):
        for constant in one.co_consts:
            if constant is held[0]:
                found += 1
        constant = None
    return found


def constant_tuples(code):
    return [id(one.co_consts) for one in all_code(code)]


class Handover(object):
    """The arguments of a call that goes through our hook."""
    weights = None  # references of a positional and of a keyword argument that are not variables

    def __init__(self, args, kwargs):
        self.args, self.kwargs = args, kwargs
        if Handover.weights is None:
            Handover.weights = measure()

    def references(self, held):
        found = 0
        for one in self.args:
            if one is held[0]:
                found += Handover.weights[0]
        for one in self.kwargs.values():
            if one is held[0]:
                found += Handover.weights[1]
        return found

    def addresses(self):
        found = [id(self.args), id(self.kwargs), id(self.__dict__)]
        return found


def call(function, args, kwargs):
    return function(*args, **kwargs)


def measure():
    """What `call` and its callers hold of an argument, on this version."""
    def probe(one=None):
        held = [one]
        return sys.getrefcount(held[0]) - 2

    def through(args, kwargs):
        return call(probe, args, kwargs)
    # The variable `one` is one; the rest is the way through.
    return through((object(),), {}) - 1, through((), {'one': object()}) - 1


class Armed(object):
    """A function whose next call is traced: its code is replaced by a few instructions that call
    our hook, which puts the code back first. `function` stays the same object for everybody."""

    def __init__(self, function, trace):
        self.function = function
        self.trace = trace
        self.code = get_code(function)
        self.once = _thread.allocate_lock()
        self.done = _thread.allocate_lock()
        self.done.acquire()
        self.refused = None
        self.called = False
        self.entry = self.hook
        self.stub = stub_code(self.code, self.entry)

    def arm(self):
        set_code(self.function, self.stub)

    def disarm(self):
        """Puts the code back. True: nobody had called it."""
        if self.once.acquire(False):
            if get_code(self.function) is self.stub:
                set_code(self.function, self.code)
            return True
        return False

    def hook(self, args, kwargs):
        if not self.once.acquire(False):
            return call(self.function, args, kwargs)  # another thread was first
        if get_code(self.function) is self.stub:
            set_code(self.function, self.code)
        self.called = True
        if sys.gettrace() is not None:
            self.refused = 'a debugger or a coverage tool traces this thread'
            self.release()
            return call(self.function, args, kwargs)
        trace = self.trace
        trace.handover = Handover(args, kwargs)
        sys.settrace(trace.on_call)
        try:
            return call(self.function, args, kwargs)
        finally:
            sys.settrace(None)
            trace.handover = None
            self.release()

    def release(self):
        try:
            self.done.release()
        except RuntimeError:
            pass


def get_code(function):
    return Function.__dict__['__code__'].__get__(function)


def set_code(function, code):
    Function.__dict__['__code__'].__set__(function, code)


MARK = 7305931428461  # stands for the hook until it is put into the constants


def stub_code(code, hook):
    """Code with the free variables of `code` that hands its arguments to `hook`."""
    free = code.co_freevars
    inner = 'def stub(*args, **kwargs):\n  hook = %d\n  return hook(args, kwargs)\n' % MARK
    if free:
        inner += '  ' + ', '.join(free) + '\n'
    text = 'def maker(%s):\n' % ', '.join(free) + ''.join(
        ['  ' + line + '\n' for line in inner.splitlines()]) + '  return stub\n'
    module = compile(text, '<heaphouse hook>', 'exec', 0, True)
    maker = [c for c in module.co_consts if type(c) is Code][0]
    stub = [c for c in maker.co_consts if type(c) is Code][0]
    constants = tuple([hook if type(c) is int and c == MARK else c for c in stub.co_consts])
    return stub.replace(co_consts=constants, co_name=code.co_name)


def objection(function):
    """Why a function cannot be traced, or None."""
    if type(function) is not Function:
        return 'not a function written in Python'
    code = get_code(function)
    if code.co_flags & GENERATOR_FLAGS:
        return 'generators and coroutines run in pieces, which cannot be followed'
    return None


def trace_call(function, variable, most, limit_ms):
    """Waits for the next call of a function and follows it. Runs on a worker of ours."""
    code = get_code(function)
    trace = Trace(variable, lambda frame: frame.f_code is code, most,
                  monotonic_ms() + limit_ms, False)
    armed = Armed(function, trace)
    own.extra.append(armed.entry)
    State.armed.append(armed)
    armed.arm()
    try:
        finished = workers.calmly(armed.done.acquire, True, limit_ms / 1000.0)
        if not finished:
            if armed.disarm():
                raise LookupError('%s was not called within %.0f s' % (code.co_name,
                                                                      limit_ms / 1000.0))
            trace.cut = trace.over = True
    finally:
        State.armed.remove(armed)
        own.extra[:] = [f for f in own.extra if f is not armed.entry]
        # The collector does not follow code: its constant that leads back here has to go by hand.
        armed.stub = armed.entry = None
    if armed.refused:
        raise LookupError('not traced: ' + armed.refused)
    return trace.result(source_lines(code.co_filename, None))


class State(object):
    armed = []
    abandoned = False  # the agent left while a function of the program led to a hook of ours


def disarm_all():
    """The agent leaves."""
    State.abandoned = State.abandoned or bool(State.armed)
    for armed in State.armed[:]:
        armed.disarm()
        armed.release()


def trace_text(source, path, function, variable, fresh, most, limit_ms):
    """Runs a text in a namespace of its own, on a thread of its own, and follows it."""
    name = path or SOURCE
    code = compile_text(source, name, fresh)

    def matches(frame):
        if frame.f_code.co_filename != name:
            return False
        if not function:
            return frame.f_code is code
        return function in (frame.f_code.co_name, getattr(frame.f_code, 'co_qualname', None))
    trace = Trace(variable, matches, most, monotonic_ms() + limit_ms, True)
    done = _thread.allocate_lock()
    done.acquire()
    failed = []

    def body():
        namespace = {'__name__': '__main__', '__builtins__': sys.modules['builtins']}
        if path:
            namespace['__file__'] = path
        sys.settrace(trace.on_call)
        try:
            exec(code, namespace)
        except Stopped:
            pass
        except BaseException as error:
            try:
                failed.append('%s: %s' % (class_name(type(error)), str(error)[:300]))
            except Exception:
                failed.append(class_name(type(error)))
            error.__traceback__ = None
        finally:
            sys.settrace(None)
            namespace.clear()
            done.release()
    workers.spawn(body, True)
    # The trace function ends the text at its deadline; what hangs in C it cannot end.
    if not workers.calmly(done.acquire, True, limit_ms / 1000.0 + 1.0):
        trace.cut = trace.over = True
    text = source if type(source) is str else source.decode('utf-8', 'replace')
    result = trace.result(dict(enumerate(text.splitlines(), 1)))
    result['error'] = failed[0] if failed else None
    result['fresh'] = fresh
    return result


def compile_text(source, name, fresh):
    """Code of a text. `fresh`: text constants that are assigned to a variable are put together
    anew when the line runs; the interpreter shares and (3.12) immortalises them otherwise."""
    only_tree = 0x400  # ast.PyCF_ONLY_AST
    if not fresh:
        return compile(source, name, 'exec', 0, True)
    tree = compile(source, name, 'exec', only_tree, True)
    module = sys.modules['_ast'] if '_ast' in sys.modules else __import__('_ast')
    pending = [tree]
    while pending:
        node = pending.pop()
        if type(node) in (module.Assign, module.AnnAssign) and node.value is not None:
            value = node.value
            if type(value) is module.Constant and type(value.value) is str and len(value.value) > 1:
                node.value = joined(module, value)
        for field in node._fields or ():
            child = getattr(node, field, None)
            if isinstance(child, module.AST):
                pending.append(child)
            elif type(child) is list:
                pending.extend([c for c in child if isinstance(c, module.AST)])
    return compile(tree, name, 'exec', 0, True)


def joined(module, constant):
    """The same text from two parts: a new object each time."""
    def located(node):
        for name in ('lineno', 'col_offset', 'end_lineno', 'end_col_offset'):
            setattr(node, name, getattr(constant, name))
        return node
    text = constant.value
    parts = [located(module.FormattedValue(value=located(module.Constant(value=part, kind=None)),
                                           conversion=-1, format_spec=None))
             for part in (text[:1], text[1:])]
    return located(module.JoinedStr(values=parts))


def source_lines(path, text):
    # type: (str, str) -> dict
    """Line number -> text; empty when the file cannot be read."""
    if text is None:
        try:
            with open(path, 'rb') as file:
                text = file.read(4 << 20).decode('utf-8', 'replace')
        except (OSError, ValueError):
            return {}
    return dict(enumerate([line[:300] for line in text.splitlines()], 1))
