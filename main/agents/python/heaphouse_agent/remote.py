"""Objects of the program as CDP RemoteObjects, and the handles by which a client asks on."""
from .fields import short
from .naming import isinstance_of_type
from .static import Builtin, Function, class_name, type_mro
from .internals import Method

MAX_HANDLES = 10000
MAX_TEXT = 10000  # characters of a description or string value
SAFE_INTEGER = (1 << 53) - 1


class Objects(object):
    """Handles of one client. They keep the objects alive until released."""

    def __init__(self):
        self.held = {}  # handle -> (object, group)
        self.last = 0

    def keep(self, value, group):
        # type: (object, str) -> str
        if len(self.held) >= MAX_HANDLES:
            self.held.pop(next(iter(self.held)))
        self.last += 1
        handle = 'python:%d' % self.last
        self.held[handle] = (value, group)
        return handle

    def find(self, handle):
        """The object of a handle; KeyError when there is none."""
        return self.held[handle][0]

    def release(self, handle):
        self.held.pop(handle, None)

    def release_group(self, group):
        for handle in [h for h, (_, g) in self.held.items() if g == group]:
            self.held.pop(handle, None)

    def describe(self, value, group, by_repr=False):
        # type: (object, str, bool) -> dict
        """A RemoteObject. by_repr: the user asked for this value, so its `repr` may run."""
        kind = type(value)
        if value is None:
            return {'type': 'object', 'subtype': 'null', 'value': None, 'description': 'None'}
        if kind is bool:
            return {'type': 'boolean', 'value': value, 'description': str(value)}
        if kind is int:
            if -SAFE_INTEGER <= value <= SAFE_INTEGER:
                return {'type': 'number', 'value': value, 'description': str(value)}
            text = short(value)
            return {'type': 'bigint', 'unserializableValue': text + 'n', 'description': text}
        if kind is float:
            text = repr(value)
            special = {'nan': 'NaN', 'inf': 'Infinity', '-inf': '-Infinity', '-0.0': '-0'}
            if text in special:
                return {'type': 'number', 'unserializableValue': special[text],
                        'description': special[text]}
            return {'type': 'number', 'value': value, 'description': text}
        if kind is str and len(value) <= MAX_TEXT:
            return {'type': 'string', 'value': value, 'description': value}
        remote = {'type': 'object', 'className': class_name(kind),
                  'description': self._text(value, by_repr), 'objectId': self.keep(value, group)}
        if kind is Function or kind is Builtin or kind is Method:
            remote['type'] = 'function'
        elif isinstance_of_type(kind):
            remote['type'] = 'function'
        elif kind is str:
            remote = {'type': 'string', 'value': value[:MAX_TEXT] + '\u2026',
                      'description': '%d characters' % len(value)}
        else:
            for base in type_mro(kind):
                if base is list or base is tuple:
                    remote['subtype'] = 'array'
                elif base is dict:
                    remote['subtype'] = 'map'
                elif base is set or base is frozenset:
                    remote['subtype'] = 'set'
                elif base is BaseException:
                    remote['subtype'] = 'error'
                else:
                    continue
                break
        return remote

    @staticmethod
    def _text(value, by_repr):
        if by_repr and type(value) not in (list, dict, tuple, set, frozenset, bytes, bytearray):
            try:
                text = repr(value)
                if type(text) is str:
                    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + '\u2026'
            except Exception:
                pass
        return short(value)


def exception_details(objects, error, group):
    # type: (Objects, BaseException, str) -> dict
    """CDP exceptionDetails with the frames of the evaluated code."""
    trace, lines = error.__traceback__, []
    while trace is not None and len(lines) < 50:
        code = trace.tb_frame.f_code
        if 'heaphouse_agent' not in code.co_filename:
            lines.append('  File "%s", line %d, in %s'
                         % (code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    name = class_name(type(error))
    try:
        message = str(error)[:MAX_TEXT]
    except Exception:
        message = '<no text: its __str__ failed>'
    text = '%s: %s' % (name, message)
    remote = objects.describe(error, group)
    remote['description'] = '\n'.join(
        ['Traceback (most recent call last):'] + lines + [text]) if lines else text
    return {'exceptionId': objects.last, 'text': 'Uncaught', 'lineNumber': 0, 'columnNumber': 0,
            'exception': remote}
