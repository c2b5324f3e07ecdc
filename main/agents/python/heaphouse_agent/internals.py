"""Edges of the interpreter's own kinds: classes, functions, code, cells, generators, weak
references and the few C types that do not tell the collector what they hold."""
from .compat import gc, os, sys
from .naming import CONTEXT, INTERNAL, PROPERTY, WEAK
from .static import (Builtin, Function, Module, is_heap_type, type_base, type_bases, type_mro,
                     type_namespace)

referents = gc.get_referents
INLINE = sys.version_info >= (3, 11)


def _async_generator():
    return (yield_type for yield_type in ())


def _kinds():
    """The types below that have no name of their own in builtins."""
    def outer(x):
        async def coroutine():
            pass

        async def agen():
            yield x
        made = coroutine()
        found = (type(made), type(agen()), type(agen.__closure__[0]))
        made.close()
        return found
    return outer(1)


Code = type(_kinds.__code__)
Generator = type(_async_generator())
Coroutine, AsyncGenerator, Cell = _kinds()
Frame = type(sys._getframe())
Method = type(os.environ.get)
try:
    raise ValueError
except ValueError as _error:
    Traceback = type(_error.__traceback__)

# Read as attributes: real fields of the struct, not made on demand.
CODE_FIELDS = ('co_consts', 'co_names', 'co_filename', 'co_name')
if sys.version_info >= (3, 11):
    CODE_FIELDS += ('co_qualname', 'co_linetable', 'co_exceptiontable')
else:
    CODE_FIELDS += ('co_code', 'co_varnames', 'co_freevars', 'co_cellvars',
                    'co_linetable' if sys.version_info >= (3, 10) else 'co_lnotab')


def frame_locals(frame):
    """A copy of a frame's variables that leaves nothing behind in the frame.

    Up to 3.12 `f_locals` fills a dict kept in the frame: for function frames it is emptied again.
    """
    found = frame.f_locals
    if type(found) is not dict:
        if sys.version_info < (3, 13) or frame.f_code.co_flags & 1 == 0:
            return {}
        return dict(found)  # 3.13+: a proxy of C type over the frame itself
    copy = dict.copy(found)
    if frame.f_code.co_flags & 1 and sys.version_info < (3, 13):  # CO_OPTIMIZED: not a namespace
        dict.clear(found)
    return copy


def make(sink):
    names, link, hidden = sink.names.of, sink.link, sink.hidden
    namespace, attributes, elements = sink.namespace, sink.attributes, sink.elements
    index, folded = sink.index, sink.folded
    from .instances import dict_and_count, SOLE
    function_get = [(n, Function.__dict__[n].__get__, names(n)) for n in (
        '__code__', '__globals__', '__builtins__', '__closure__', '__defaults__', '__kwdefaults__',
        '__doc__', '__module__') if n in Function.__dict__]
    sid = {n: names(n) for n in (
        '__dict__', '__mro__', '__bases__', '__base__', '__class__', '__closure__',
        '__annotations__', '__self__', 'cell_contents', 'referent', '__callback__', 'local',
        '__name__', '__qualname__', 'start', 'stop', 'step', 'base', 'dtype')}

    def name_rest(refs, known):
        """Links what `known` (address -> (edge type, name)) explains; the rest is hidden."""
        rest = []
        for child in refs:
            found = known.pop(id(child), None)
            if found is not None:
                link(found[0], found[1], child)
            else:
                rest.append(child)
        hidden(rest)

    def on_function(o):
        known = {}
        closure = None
        for name, read, name_sid in function_get:
            value = read(o)
            if value is not None:
                known.setdefault(id(value), (INTERNAL, name_sid))
                if name == '__closure__':
                    closure = value
        code = Function.__dict__['__code__'].__get__(o)
        rest = []
        for child in referents(o):
            found = known.pop(id(child), None)
            if found is not None:
                link(found[0], found[1], child)
            elif type(child) is tuple and closure is not child:
                link(INTERNAL, sid['__annotations__'], child)  # 3.11+: not yet made into a dict
            elif type(child) is dict:
                # `__dict__` or the annotations: the getters would create what is missing.
                variables = code.co_varnames
                is_dict = False
                for key in child:
                    if type(key) is not str or (key != 'return' and key not in variables):
                        is_dict = True
                        break
                link(INTERNAL, sid['__dict__'] if is_dict else sid['__annotations__'], child)
            elif type(child) is str:
                link(INTERNAL, sid['__name__'], child)
            elif child is not None:
                rest.append(child)
        hidden(rest)
        if closure and sink.virtual:
            for name, cell in zip(code.co_freevars, closure):
                link(CONTEXT, names(name), cell)

    def on_code(o):
        for name in CODE_FIELDS:
            value = getattr(o, name, None)
            if value is not None:
                link(INTERNAL, names(name), value)

    def on_type(o):
        if id(o) in sink.plans:  # the walk's own note on this type holds a reference
            sink.extra[id(o)] = sink.extra.get(id(o), 0) + 1
        known = {}
        mro = type_mro(o)
        if type(mro) is not tuple:
            return  # a static type of C code that was never made ready: its fields are not set
        bases, base = type_bases(o), type_base(o)
        known[id(mro)] = (INTERNAL, sid['__mro__'])
        known[id(bases)] = (INTERNAL, sid['__bases__'])
        if base is not None:
            known[id(base)] = (INTERNAL, sid['__base__'])
        if is_heap_type(o):
            refs, d, count = dict_and_count(o)
            own = referents(type_namespace(o))
            if d is None or not own or own[0] is not d:
                d = own[0] if own else None
                count = SOLE + 1
            else:
                count -= 1  # `own` holds it as well
            rest = [r for r in refs if r is not d]
            if d is not None:
                namespace(d, count)
                if id(d) not in folded and sink.virtual:
                    attributes(*sink.content(d))
            meta = type(o)
            if is_heap_type(meta):
                known[id(meta)] = (INTERNAL, sid['__class__'])
                if not [r for r in rest if r is meta]:
                    link(INTERNAL, sid['__class__'], meta)
            name_rest(rest, known)
        else:
            own = referents(type_namespace(o))
            if own and type(own[0]) is dict:
                namespace(own[0], SOLE)
            link(INTERNAL, sid['__mro__'], mro)
            link(INTERNAL, sid['__bases__'], bases)
            if base is not None:
                link(INTERNAL, sid['__base__'], base)

    def on_cell(o):
        for child in referents(o):
            link(PROPERTY, sid['cell_contents'], child)

    def on_reference(o):
        """Weak: the edge is filled in once everything strongly held is known."""
        target = Reference.__call__(o)
        if target is not None:
            sink.later(WEAK, sid['referent'], target)
        known = {}
        callback = Reference.__dict__['__callback__'].__get__(o) \
            if '__callback__' in Reference.__dict__ else None
        if callback is not None:
            known[id(callback)] = (INTERNAL, sid['__callback__'])
        name_rest(referents(o), known)

    def suspended(frame_field, code_field, running_field):
        code_sid, frame_sid = names(code_field), names(frame_field)

        def on_generator(o):
            known = {}
            code = getattr(o, code_field)
            refs = referents(o)
            left = list(refs)
            if not INLINE or sink.may_touch:
                # Where it runs on another thread its frame was read with that thread.
                frame = None if getattr(o, running_field) else getattr(o, frame_field)
                if frame is not None:
                    known[id(frame)] = (INTERNAL, frame_sid)
                    if INLINE and id(frame) not in index:
                        for name, value in frame_locals(frame).items():
                            known.setdefault(id(value), (CONTEXT, names(name)))
            known[id(code)] = (INTERNAL, code_sid)
            if INLINE:
                rest = []
                for child in left:
                    found = known.pop(id(child), None)
                    if found is not None:
                        link(found[0], found[1], child)
                    else:
                        rest.append(child)
                if sink.may_touch:
                    hidden(rest)
                else:
                    for child in rest:
                        link(CONTEXT, sid['local'], child)
            else:
                name_rest(left, known)
        return on_generator

    def on_frame(o):
        """A frame some object holds (a traceback, a suspended generator before 3.11)."""
        known = {}
        for name in ('f_code', 'f_globals', 'f_builtins', 'f_back'):
            value = getattr(o, name)
            if value is not None:
                known.setdefault(id(value), (INTERNAL, names(name)))
        for name, value in frame_locals(o).items():
            if type(name) is str:
                known.setdefault(id(value), (CONTEXT, names(name)))
        name_rest(referents(o), known)

    def on_builtin(o):
        holder = o.__self__
        name_rest(referents(o), {} if holder is None else {
            id(holder): (INTERNAL, sid['__self__'])})

    def on_slice(o):
        for name in ('start', 'stop', 'step'):
            link(PROPERTY, sid[name], getattr(o, name))

    def on_array(cls):
        """numpy: the array is invisible to the collector; base, dtype and objects are read."""
        read_base = cls.__dict__['base'].__get__
        read_dtype = cls.__dict__['dtype'].__get__
        view, flat = cls.__dict__['view'], cls.__dict__['ravel']
        to_list = cls.__dict__['tolist']

        def on_ndarray(o):
            base = read_base(o)
            if base is not None:
                link(INTERNAL, sid['base'], base)
            dtype = read_dtype(o)
            link(INTERNAL, sid['dtype'], dtype)
            if dtype.char == 'O':
                plain = o if type(o) is cls else view(o, cls)
                elements(to_list(flat(plain, 'K')))
        return on_ndarray

    import _weakref
    Reference = _weakref.ref
    sink.reference_type = Reference
    sink.on_reference = on_reference
    sink.on_array = on_array
    sink.on_type = on_type
    return {
        id(Function): on_function, id(Code): on_code, id(type): on_type, id(Cell): on_cell,
        id(Builtin): on_builtin, id(Reference): on_reference, id(Frame): on_frame,
        id(slice): on_slice,
        id(range): on_slice, id(Module): sink.module,
        id(Generator): suspended('gi_frame', 'gi_code', 'gi_running'),
        id(Coroutine): suspended('cr_frame', 'cr_code', 'cr_running'),
        id(AsyncGenerator): suspended('ag_frame', 'ag_code', 'ag_running'),
    }
