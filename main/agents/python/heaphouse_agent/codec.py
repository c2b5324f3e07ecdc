"""JSON in and out on the C parts of the standard library's `json`, without importing it."""
from .compat import _json

quote = _json.encode_basestring_ascii


class _Rules(object):
    """What `_json.make_scanner` asks for."""
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo = None

    @staticmethod
    def parse_constant(name):
        raise ValueError('%s is not JSON' % name)


_scan = _json.make_scanner(_Rules())
_SPACE = ' \t\n\r'


def decode(text):
    # type: (str) -> object
    """Parses one JSON document; ValueError says what is wrong."""
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration as stop:
        raise ValueError('no JSON value at %s' % (stop.value,))
    except (RecursionError, SystemError):  # some 3.12 and 3.13 forget to set the exception
        raise ValueError('malformed JSON, or nested too deeply')
    if text[end:].strip(_SPACE):
        raise ValueError('text after the JSON value at %d' % end)
    return value


def encode(value):
    # type: (object) -> str
    """JSON text of plain values (exact builtin types only; anything else is a TypeError)."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if value is None:
        return 'null'
    if kind is bool:
        return 'true' if value else 'false'
    if kind is int:
        return repr(value)
    if kind is float:
        if value != value or value in (float('inf'), float('-inf')):
            return 'null'
        return repr(value)
    if kind is list or kind is tuple:
        return '[' + ','.join([encode(v) for v in value]) + ']'
    if kind is dict:
        return '{' + ','.join([quote(k) + ':' + encode(v) for k, v in value.items()]) + '}'
    raise TypeError('cannot encode this value')
