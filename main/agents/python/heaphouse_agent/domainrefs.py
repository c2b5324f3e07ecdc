"""The part of the `Python` domain about reference counts and cyclic garbage."""
from . import domainheap, domainruntime, garbage, linetrace, own, referrers
from .compat import gil_enabled, os, sys
from .domainmemory import on_worker
from .faults import PARAMS, SERVER, Fault, param
from .fields import instance_dict
from .naming import isinstance_of_type
from .static import Function, Module, module_dict, solid_base, type_namespace

SOURCE = '<heaphouse references>'


def namespace_of(name):
    # type: (str) -> dict
    """The variables of a loaded module."""
    module = sys.modules.get(name)
    namespace = module_dict(module) if module is not None and solid_base(type(module)) is Module \
        else None
    if type(namespace) is not dict:
        raise Fault(SERVER, 'no module %s is loaded' % name[:200])
    return namespace


def get_referrers(session, params, number):
    expression = param(params, 'expression', str)
    module = param(params, 'module', str, '__main__')
    handle = param(params, 'objectId', str)
    heap_id = param(params, 'heapObjectId', str)
    if len([one for one in (expression, handle, heap_id) if one is not None]) != 1:
        raise Fault(PARAMS, "one of 'expression', 'objectId' and 'heapObjectId' is needed")
    objects = domainruntime._objects(session)
    if expression is not None:
        namespace = namespace_of(module)
        try:
            code = compile(expression.strip(), SOURCE, 'eval', 0, True)
        except (SyntaxError, ValueError) as error:
            raise Fault(PARAMS, 'not an expression: %s' % error)

        def work():
            try:
                held = [eval(code, namespace)]
            except Exception as error:
                error.__traceback__ = None
                raise
            return referrers.report(held, kept(objects, held), mine(objects, held))
    elif handle is not None:
        domainruntime._held(session, handle)

        def work():
            held = [objects.held[handle][0]]
            return referrers.report(held, kept(objects, held), mine(objects, held))
    else:
        address = domainheap.address_of(int(heap_id)) if heap_id.isdigit() and len(heap_id) < 11 \
            else None
        if address is None:
            raise Fault(SERVER, 'not an object id of a snapshot of this process')

        def work():
            held = [domainheap.find_address(address)]
            if held[0] is None:
                raise LookupError('the object is gone (or only C code holds it)')
            return referrers.report(held, kept(objects, held), mine(objects, held))
    return on_worker(session, number, work)


def kept(objects, held):
    """Addresses of the entries under which this client keeps the object."""
    return [id(entry) for entry in list(objects.held.values()) if entry[0] is held[0]]


def mine(objects, held):
    return [('kept for a client (Runtime.releaseObject)', len(kept(objects, held)))]


MAX_MODULES = 2000
MAX_FUNCTIONS = 2000
MAX_SOURCE = 1 << 20
MAX_WAIT_MS = 600000


def get_modules(session, params, number):
    """Loaded modules of the program with functions written in Python; the standard library's and
    the agent's own are left out unless asked for."""
    everything = param(params, 'standardLibrary', bool, False)
    library = os.path.dirname(os.path.abspath(os.__file__))
    found = []
    for name, module in sorted(sys.modules.items(), key=lambda item: str(item[0])):
        if type(name) is not str or solid_base(type(module)) is not Module:
            continue
        namespace = module_dict(module)
        path = dict.get(namespace, '__file__')
        if name.partition('.')[0] == own.PACKAGE or len(found) >= MAX_MODULES:
            continue
        if name != '__main__':
            if type(path) is not str or not path.endswith('.py'):
                continue
            inside = path.startswith(library) and 'site-packages' not in path
            if inside and not everything:
                continue
        found.append({'name': name[:200], 'file': path[-500:] if type(path) is str else None})
    found.sort(key=lambda entry: entry['name'] != '__main__')
    return {'modules': found}


def functions_of(namespace, name):
    """[(qualified name, function)] of a module and its classes."""
    found = []

    def add(prefix, values, depth):
        for key, value in list(values.items()):
            if type(key) is not str or len(found) >= MAX_FUNCTIONS:
                continue
            for function in plain_functions(value):
                if function.__module__ == name:
                    found.append((prefix + key, function))
            if isinstance_of_type(type(value)) and depth < 3:
                inner = type_namespace(value)
                if dict.get(dict(inner), '__module__') == name and value.__name__ == key:
                    add(prefix + key + '.', dict(inner), depth + 1)
    add('', namespace, 0)
    return found


def plain_functions(value):
    """The function behind a static method, class method, property or decorator."""
    for _ in range(8):
        cls = type(value)
        if cls is Function:
            inner = instance_dict(value).get('__wrapped__')
            return [value] if type(inner) is not Function else [inner, value]
        if cls is staticmethod or cls is classmethod:
            value = value.__func__
        elif cls is property:
            value = value.fget
        else:
            return []
    return []


def get_functions(session, params, number):
    name = param(params, 'module', str, required=True)
    found, seen = [], set()
    for qualified, function in functions_of(namespace_of(name), name):
        code = linetrace.get_code(function)
        if id(code) in seen:
            continue
        seen.add(id(code))
        entry = {'name': qualified, 'line': code.co_firstlineno, 'file': code.co_filename[-500:],
                 'variables': list(code.co_varnames + code.co_cellvars + code.co_freevars)[:200]}
        reason = linetrace.objection(function)
        if reason is not None:
            entry['reason'] = reason
        found.append(entry)
    found.sort(key=lambda entry: entry['line'])
    return {'functions': found}


def trace_references(session, params, number):
    variable = param(params, 'variable', str, required=True).strip()
    if not variable.isidentifier():
        raise Fault(PARAMS, "'variable' must be a name")
    source, path = param(params, 'source', str), param(params, 'path', str)
    module, function = param(params, 'module', str), param(params, 'function', str)
    most = param(params, 'maxSteps', int, 500)
    limit = param(params, 'timeoutMs', int, 10000)
    if not 1 <= most <= linetrace.MAX_STEPS or not 1 <= limit <= MAX_WAIT_MS:
        raise Fault(PARAMS, "'maxSteps' or 'timeoutMs' is out of range")
    if source is not None or path is not None:
        fresh = param(params, 'freshConstants', bool, True)
        if source is not None and len(source) > MAX_SOURCE:
            raise Fault(PARAMS, 'the text is too long')

        def work():
            text = source
            if text is None:
                with open(path, 'rb') as file:
                    text = file.read(MAX_SOURCE)
            return linetrace.trace_text(text, path, function, variable, fresh, most, limit)
        return on_worker(session, number, work)
    if module is None or function is None:
        raise Fault(PARAMS, "'module' and 'function', 'source' or 'path' are needed")
    chosen = [f for name, f in functions_of(namespace_of(module), module) if name == function]
    if not chosen:
        raise Fault(SERVER, '%s has no function %s' % (module[:200], function[:200]))
    reason = linetrace.objection(chosen[0])
    if reason is not None:
        raise Fault(SERVER, 'not traced: ' + reason)
    code = linetrace.get_code(chosen[0])
    if variable not in code.co_varnames + code.co_cellvars + code.co_freevars:
        raise Fault(SERVER, '%s has no variable %s' % (function[:200], variable[:200]))
    if linetrace.State.armed:
        raise Fault(SERVER, 'another call is being waited for')

    def wait():
        return linetrace.trace_call(chosen[0], variable, most, limit)
    return on_worker(session, number, wait)


def cancel_trace(session, params, number):
    """Stops waiting for a call; the request of the trace fails."""
    for armed in linetrace.State.armed[:]:
        if armed.disarm():
            armed.refused = 'cancelled'
        armed.release()
    return {}


def explore_garbage(session, params, number):
    generation = param(params, 'generation', int, 2)
    limit = param(params, 'timeoutMs', int, 10000)
    if not 0 <= generation <= 2 or not 1 <= limit <= MAX_WAIT_MS:
        raise Fault(PARAMS, "'generation' or 'timeoutMs' is out of range")
    if not gil_enabled():
        raise Fault(SERVER, 'free-threaded interpreters are not supported')
    return on_worker(session, number, lambda: garbage.collect(generation, limit))


METHODS = {
    'Python.getReferrers': get_referrers,
    'Python.getModules': get_modules,
    'Python.getFunctions': get_functions,
    'Python.traceReferences': trace_references,
    'Python.cancelTrace': cancel_trace,
    'Python.exploreGarbage': explore_garbage,
}
