"""Known objects: where the native walker's offsets are found, and how they are checked."""
from .compat import array, deque, gc, sys
from .naming import (CLOSURE, CODE, CONTEXT, ELEMENT, INTERNAL, NATIVE, NUMBER, OBJECT, PROPERTY,
                     STRING, WEAK)
from .static import Function, Module, class_name, module_dict, type_name

import _weakref

VERSION = sys.version_info[0] * 100 + sys.version_info[1]
basicsize = type.__dict__['__basicsize__'].__get__

# The words of `L` in native/state.h, in its order.
FIELDS = (
    'version', 'ascii', 'wide', 'qualname', 'keys', 'valuesWord', 'valuesStart', 'dictWord',
    'taggedInt', 'staticHeader', 'functionCode', 'functionGlobals', 'functionBuiltins',
    'functionDefaults', 'functionKwdefaults', 'functionClosure', 'functionDoc', 'functionName',
    'functionQualname', 'functionModule', 'functionDict', 'functionAnnotations', 'generatorCode',
    'generatorFrame', 'generatorLocals', 'frameInner', 'frameBack', 'frameCode', 'frameGlobals',
    'frameBuiltins', 'frameLocals', 'codeLocals', 'codeCells', 'codeFree', 'codeLine', 'codeName',
    'codeFile', 'gcHeads', 'gcFrozen', 'tupleItems',
    'threshold0', 'threshold1', 'interned')

# Where instances keep their values, relative to the object: 3.11 has two pointers in front of the
# collector's header, 3.12 one for both, 3.13 a pointer there and the values behind the object.
INLINE = {311: (-32, 0, -24), 312: (-24, 0, -24), 313: (-1, 8, -24), 314: (-1, 8, -24),
          315: (-1, 8, -24)}


ANY = object()  # an edge whose child must not be held by the check itself


class Mismatch(Exception):
    """The interpreter is not laid out as the native walker knows it."""


class Plain(object):
    pass


class Slotted(object):
    __slots__ = ('left', 'right')


class Outer(object):
    class Inner(object):
        def method(self):
            return self


def _function(captured):
    def probe(first='default', *, second='keyword') -> 'note':
        """text of the probe"""
        return captured
    probe.mark = 'attribute'
    return probe


def _generator(inside):
    other = [inside]
    yield other


def _frame(local_one):
    local_two = [local_one]
    in_cell = [local_two]
    inner = lambda: in_cell  # noqa: E731
    return sys._getframe(), local_two, inner


def _place(words, value, what, start=2, tags=0):
    """Offset of the first word that is the address of `value`, but for the bits in `tags`."""
    wanted = id(value)
    for number in range(start, len(words)):
        if words[number] & ~tags == wanted:
            return number * 8
    raise Mismatch('no place found for ' + what)


def calibrate(read):
    # type: (object) -> dict
    """Finds the offsets. `read(address, size)` gives the words there."""
    layout = dict.fromkeys(FIELDS, -1)
    layout['version'] = VERSION
    layout['ascii'] = sys.getsizeof('') - 1
    layout['wide'] = layout['ascii'] + (16 if VERSION >= 312 else 24)
    layout['taggedInt'] = 1 if VERSION >= 312 else 0
    layout['staticHeader'] = 1 if sys.getsizeof(int) != type.__sizeof__(int) else 0
    tags = 3 if VERSION >= 314 else 0
    layout['threshold0'], layout['threshold1'] = gc.get_threshold()[:2]
    marker = object()
    pair = (None, marker)
    layout['tupleItems'] = _place(read(id(pair), 48), marker, 'items of a tuple') - 8
    inner = Outer.Inner
    layout['qualname'] = _place(read(id(inner), basicsize(type)), inner.__qualname__,
                                'the qualified name of a class', 48)
    if VERSION >= 311:
        layout['keys'] = layout['qualname'] + 8
        layout['valuesWord'], layout['valuesStart'], layout['dictWord'] = INLINE[VERSION]

    function = _function(object())
    words = read(id(function), basicsize(Function))
    named = [('Code', '__code__'), ('Globals', '__globals__'), ('Defaults', '__defaults__'),
             ('Kwdefaults', '__kwdefaults__'), ('Closure', '__closure__'), ('Doc', '__doc__'),
             ('Name', '__name__'), ('Qualname', '__qualname__'), ('Module', '__module__'),
             ('Dict', '__dict__'), ('Annotations', '__annotations__')]
    if VERSION >= 310:
        named.append(('Builtins', '__builtins__'))
    # Getters may make the dicts on first use: first ask, then look.
    values = [(field, getattr(function, attribute)) for field, attribute in named]
    words = read(id(function), basicsize(Function))
    for field, value in values:
        layout['function' + field] = _place(words, value, 'a field of functions')

    code = function.__code__.replace(co_firstlineno=987654321)
    words = read(id(code), basicsize(type(code)))
    layout['codeName'] = _place(words, code.co_name, 'co_name')
    layout['codeFile'] = _place(words, code.co_filename, 'co_filename')
    if VERSION >= 311:
        layout['codeLocals'] = layout['codeFile'] - 16
    else:
        layout['codeLocals'] = _place(words, code.co_varnames, 'co_varnames')
        layout['codeFree'] = _place(words, code.co_freevars, 'co_freevars')
        # co_cellvars stands beside co_freevars; () is one object, so a code with cells is asked.
        cells = _function.__code__
        layout['codeCells'] = _place(read(id(cells), basicsize(type(cells))), cells.co_cellvars,
                                     'co_cellvars')
    halves = array('I', words.tobytes())
    lines = [n for n, half in enumerate(halves) if half == 987654321]
    if len(lines) != 1:
        raise Mismatch('no place found for co_firstlineno')
    layout['codeLine'] = lines[0] * 4

    value = [object()]
    generator = _generator(value)
    next(generator)
    words = read(id(generator), type(generator).__sizeof__(generator))
    layout['generatorCode'] = _place(words, generator.gi_code, 'gi_code')
    if VERSION >= 311:
        layout['generatorLocals'] = _place(words, value, 'the variables of a generator',
                                           tags=tags)
    else:
        layout['generatorFrame'] = _place(words, generator.gi_frame, 'gi_frame')

    frame, _, _ = _frame(value)
    words = read(id(frame), basicsize(type(frame)))
    if VERSION >= 311:
        layout['frameInner'], layout['frameBack'] = 24, 16
        words = read(words[3], 96)
        start = 0
    else:
        layout['frameBack'] = 24
        words = read(id(frame), type(frame).__sizeof__(frame))
        start = 2
    layout['frameCode'] = _place(words, frame.f_code, 'f_code', start, tags)
    if VERSION < 311:  # later frames only borrow them
        layout['frameGlobals'] = _place(words, frame.f_globals, 'f_globals', start)
        layout['frameBuiltins'] = _place(words, frame.f_builtins, 'f_builtins', start)
    layout['frameLocals'] = _place(words, value, 'the variables of a frame', start, tags)
    del frame  # it refers to this very frame
    return layout


def array_class(read, address_text):
    """numpy's array type, when numpy is loaded and its arrays look as we know them; else None."""
    module = sys.modules.get('numpy')
    if type(module) is not Module:
        return None
    cls = module_dict(module).get('ndarray')
    if type(cls) is not type or type_name(cls) != 'ndarray':
        return None
    try:
        made = cls.__new__(cls, (3, 2), 'O')
        view = cls.__dict__['view'](made)
        dtype = cls.__dict__['dtype'].__get__(made)
    except Exception:
        return None  # half-imported
    words = read(id(made), 72)
    fits = (words[3] & 0xFFFFFFFF == 2 and list(read(words[4], 16)) == [3, 2]
            and list(read(words[5], 16)) == [16, 8] and words[7] == id(dtype)
            and read(id(view), 72)[6] == id(made) and address_text(id(dtype), 32)[25:26] == b'O')
    if not fits:
        raise Mismatch('numpy arrays are laid out in a way not known')
    return cls


def known():
    """[(object, kind, name, edges that must be there)]: what the walker is asked to describe."""
    one, two = [object()], [object()]
    plain = Plain()
    plain.first, plain.second = one, two
    shown = Plain()
    shown.first = one
    vars(shown)['extra'] = two
    slotted = Slotted()
    slotted.right = one
    function = _function(one)
    code = function.__code__
    generator = _generator(one)
    next(generator)
    frame, frame_local, inner = _frame(one)
    module = Module('heaphouse_probe')
    module.content = one

    def called(_reference):
        pass
    reference = _weakref.ref(plain, called)
    cell = function.__closure__[0]
    mapping = {'alpha': one, 7: two, -3: one, (1, 'x\''): two, 2.5: one, b'q\n': two, None: one,
               10 ** 30: two, True: one, 1j: two, 2 ** 200: one, 'caf\xe9': two, Plain: one}
    prefix = __name__
    long_text = 'ab"\\\n' * 50
    found = [
        ([one, two, one], OBJECT, 'list',
         [(ELEMENT, 0, one), (ELEMENT, 1, two), (ELEMENT, 2, one)]),
        ((two, one), OBJECT, 'tuple', [(ELEMENT, 0, two), (ELEMENT, 1, one)]),
        (mapping, OBJECT, 'dict', [
            (PROPERTY, 'alpha', one), (ELEMENT, 7, two), (PROPERTY, '[-3]', one),
            (PROPERTY, '[(1, "x\'")]', two), (PROPERTY, '[2.5]', one),
            (PROPERTY, "[b'q\\n']", two), (PROPERTY, '[None]', one),
            (PROPERTY, '[1' + '0' * 30 + ']', two), (PROPERTY, '[True]', one),
            (PROPERTY, '[1j]', two), (PROPERTY, '[int of 201 bits]', one),
            (PROPERTY, 'caf\xe9', two), (PROPERTY, '[<class %s.Plain>]' % prefix, one)]),
        (frozenset([5, 6]), OBJECT, 'frozenset', []),
        (deque([one, two]), OBJECT, 'collections.deque',
         [(ELEMENT, 0, one), (ELEMENT, 1, two)]),
        (plain, OBJECT, prefix + '.Plain',
         [(INTERNAL, '__class__', Plain), (PROPERTY, 'first', one), (PROPERTY, 'second', two)]),
        (shown, OBJECT, prefix + '.Plain',
         [(INTERNAL, '__class__', Plain), (INTERNAL, '__dict__', ANY),
          (PROPERTY, 'first', one), (PROPERTY, 'extra', two)]),
        (slotted, OBJECT, prefix + '.Slotted', [(PROPERTY, 'right', one)]),
        (function, CLOSURE, '_function.<locals>.probe',
         [(INTERNAL, '__code__', code), (INTERNAL, '__globals__', function.__globals__),
          (INTERNAL, '__closure__', function.__closure__), (CONTEXT, 'captured', cell),
          (INTERNAL, '__defaults__', function.__defaults__),
          (INTERNAL, '__kwdefaults__', function.__kwdefaults__),
          (INTERNAL, '__dict__', function.__dict__), (INTERNAL, '__doc__', function.__doc__),
          (INTERNAL, '__module__', function.__module__),
          (INTERNAL, '__annotations__', function.__annotations__),
          (INTERNAL, '__name__', function.__name__),
          (INTERNAL, '__name__', function.__qualname__)]
         + ([(INTERNAL, '__builtins__', function.__builtins__)] if VERSION >= 310 else [])),
        (inner, CLOSURE, '_frame.<locals>.<lambda>',
         [(CONTEXT, 'in_cell', inner.__closure__[0])]),
        (code, CODE, 'probe (%s:%d)' % (code.co_filename[-120:], code.co_firstlineno),
         [(INTERNAL, 'co_consts', code.co_consts), (INTERNAL, 'co_names', code.co_names)]),
        (generator, OBJECT, 'generator', [(INTERNAL, 'gi_code', generator.gi_code)]
         + ([(CONTEXT, 'inside', one)] if VERSION >= 311 else
            [(INTERNAL, 'gi_frame', generator.gi_frame)])),
        (frame, OBJECT, 'frame',
         [(CONTEXT, 'local_one', one), (CONTEXT, 'local_two', frame_local),
          (CONTEXT, 'in_cell', inner.__closure__[0]), (INTERNAL, 'f_back', ANY),
          (INTERNAL, 'f_code', frame.f_code)]
         + ([(INTERNAL, 'f_globals', frame.f_globals),
             (INTERNAL, 'f_builtins', frame.f_builtins)] if VERSION < 311 else [])),
        (module, OBJECT, 'module heaphouse_probe',
         [(INTERNAL, '__dict__', module_dict(module)), (PROPERTY, 'content', one)]),
        (reference, OBJECT, 'weakref' if VERSION < 309 else class_name(type(reference)),
         [(WEAK, 'referent', plain), (INTERNAL, '__callback__', called)]),
        (cell, OBJECT, 'cell', [(PROPERTY, 'cell_contents', one)]),
        (Outer.Inner, OBJECT, 'class %s.Outer.Inner' % prefix,
         [(INTERNAL, '__mro__', Outer.Inner.__mro__), (PROPERTY, 'method', Outer.Inner.method)]),
        (slice(one, two), OBJECT, 'slice', [(PROPERTY, 'start', one), (PROPERTY, 'stop', two)]),
        (len, CLOSURE, 'len', []),
        (one.append, CLOSURE, 'append', [(INTERNAL, '__self__', one)]),
        (int, OBJECT, 'class int', []),
        (b'x' * 77, NATIVE, 'bytes', []), (bytearray(500), NATIVE, 'bytearray', []),
        (10 ** 90, NUMBER, 'int', []), (0, NUMBER, 'int', []), (3.5, NUMBER, 'float', []),
        ('plain text', STRING, 'plain text', []), ('', STRING, '', []),
        ('\xe9t\xe9' * 3, STRING, '\xe9t\xe9' * 3, []),
        ('\u4e2d\U0001f600', STRING, '\u4e2d\U0001f600', []),
        (long_text, STRING, long_text[:100] + '\u2026', []),
    ]
    keep = [one, two, plain, generator, frame_local, called]
    del frame  # it refers to this very frame
    return found, keep


def compare(found, described):
    """Raises Mismatch when the walker tells of the known objects anything but the truth."""
    if len(found) != len(described):
        raise Mismatch('the check of known objects is incomplete')
    for (o, kind, name, edges), told in zip(found, described):
        what = class_name(type(o))
        told_kind, told_name, told_class, size, _refs, told_edges = told
        if told_kind != kind or (told_name != name and type(o) is not _weakref.ref):
            raise Mismatch('name of a known %s: %s' % (what, told_name))
        if type(o) is not type(found) and told_class != what:
            raise Mismatch('class of a known %s: %s' % (what, told_class))
        if size != sys.getsizeof(o):
            raise Mismatch('size of a known %s: %d' % (what, size))
        there = set([tuple(edge) for edge in told_edges])
        for edge, label, child in edges:
            if child is ANY:
                fits = bool([e for e in there if e[:2] == (edge, label)])
            else:
                fits = (edge, label, id(child)) in there
            if not fits:
                raise Mismatch('edge %s of a known %s' % (label, what))
        if type(o) in (list, tuple, Slotted) and len(there) > len(edges) + 1:
            raise Mismatch('edges of a known %s' % what)

