"""Names for nodes and edges: bounded, made without `repr` or `str` of the program's objects."""
from .static import class_name

PREVIEW = 100  # characters of a string or key shown

CONTEXT, ELEMENT, PROPERTY, INTERNAL, HIDDEN, SHORTCUT, WEAK = range(7)
EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak']
NODE_TYPES = ['hidden', 'array', 'string', 'object', 'code', 'closure', 'regexp', 'number',
              'native', 'synthetic', 'concatenated string', 'sliced string', 'symbol', 'bigint',
              'object shape']
STRING, OBJECT, CODE, CLOSURE, NUMBER, NATIVE, SYNTHETIC = 2, 3, 4, 5, 7, 8, 9


class Names(object):
    """The string table of a snapshot; index 0 is the empty string."""

    def __init__(self):
        self.table = {'': 0}

    def of(self, text):
        # type: (str) -> int
        """Index of an exact `str`, cut to the preview length."""
        if len(text) > PREVIEW:
            text = text[:PREVIEW] + '\u2026'
        table = self.table
        found = table.get(text)
        if found is None:
            found = table[text] = len(table)
        return found

    def whole(self, text):
        # type: (str) -> int
        """Index of a text of ours that is not to be cut at the preview length."""
        table = self.table
        found = table.get(text)
        if found is None:
            found = table[text] = len(table)
        return found


def small_int(value):
    # type: (int) -> str
    """Digits of an int; huge ones (slow, and limited since 3.11) as their bit length."""
    bits = value.bit_length()
    return '%d' % value if bits <= 128 else 'int of %d bits' % bits


def key_text(key, depth=0):
    # type: (object, int) -> str
    """A preview of a dict key: atoms by value, tuples of them, anything else by its class."""
    kind = type(key)
    if kind is str:
        return ascii(key) if len(key) <= 60 else ascii(key[:60]) + '\u2026'
    if kind is int:
        return small_int(key)
    if kind is float or kind is bool or key is None or kind is complex:
        return repr(key)
    if kind is bytes:
        return repr(key) if len(key) <= 60 else repr(key[:60]) + '\u2026'
    if kind is tuple and depth < 2:
        inner = ', '.join([key_text(k, depth + 1) for k in key[:4]])
        return '(' + inner + (', \u2026)' if len(key) > 4 else ')')
    if isinstance_of_type(kind):
        return '<class ' + class_name(key) + '>'
    return '<' + class_name(kind) + '>'


def isinstance_of_type(kind):
    # type: (type) -> bool
    """Are the instances of `kind` classes? By the MRO, never by `__instancecheck__`."""
    from .static import type_mro
    for base in type_mro(kind):
        if base is type:
            return True
    return False


def edge_key(key):
    # type: (object) -> str
    """The edge name of a dict entry whose key is not a plain string."""
    return '[' + key_text(key) + ']'
