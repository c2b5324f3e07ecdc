"""JSON in and out, without the standard library's `json`.

Writing uses its C quoting. Reading is our own: the C scanner imports `json.decoder` to report an
error, which in a program with a `json.py` of its own would run that.
"""
from .compat import _json

quote = _json.encode_basestring_ascii
_SPACE = ' \t\n\r'
_ESCAPES = {'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
_HEX = frozenset('0123456789abcdefABCDEF')
_DIGITS = frozenset('0123456789')
_WORDS = (('null', None), ('true', True), ('false', False))
MAX_DEPTH = 100
MAX_DIGITS = 400  # of a number; longer ones only cost time


class _Reader(object):
    def __init__(self, text):
        self.text = text
        self.at = 0

    def fail(self, what):
        raise ValueError('%s at %d' % (what, self.at))

    def skip(self):
        text, at, end = self.text, self.at, len(self.text)
        while at < end and text[at] in _SPACE:
            at += 1
        self.at = at

    def peek(self):
        self.skip()
        if self.at >= len(self.text):
            self.fail('unexpected end')
        return self.text[self.at]

    def value(self, depth):
        sign = self.peek()
        if sign == '"':
            return self.string()
        if sign == '{' or sign == '[':
            if depth >= MAX_DEPTH:
                self.fail('nested too deeply')
            self.at += 1
            return self.members(depth) if sign == '{' else self.items(depth)
        if sign == '-' or sign in _DIGITS:
            return self.number()
        for word, meaning in _WORDS:
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        self.fail('no value')

    def more(self, close, first):
        """True when another entry follows; eats the comma or the closing bracket."""
        sign = self.peek()
        if sign == close:
            self.at += 1
            return False
        if not first:
            if sign != ',':
                self.fail("expected ',' or '%s'" % close)
            self.at += 1
        return True

    def items(self, depth):
        found = []
        while self.more(']', not found):
            found.append(self.value(depth + 1))
        return found

    def members(self, depth):
        found = {}
        first = True
        while self.more('}', first):
            first = False
            if self.peek() != '"':
                self.fail('expected a name')
            name = self.string()
            if self.peek() != ':':
                self.fail("expected ':'")
            self.at += 1
            found[name] = self.value(depth + 1)
        return found

    def run(self, at):
        """Position after the digits that start at `at`; at least one is needed."""
        text, end, start = self.text, len(self.text), at
        while at < end and text[at] in _DIGITS:
            at += 1
        if at == start or at - start > MAX_DIGITS:
            self.fail('malformed number')
        return at

    def number(self):
        text, start = self.text, self.at
        at = start + 1 if text[start] == '-' else start
        first = at
        at = self.run(at)
        if text[first] == '0' and at > first + 1:
            self.fail('malformed number')
        whole = True
        if text[at:at + 1] == '.':
            whole = False
            at = self.run(at + 1)
        if text[at:at + 1] in ('e', 'E'):
            whole = False
            at += 1
            if text[at:at + 1] in ('+', '-'):
                at += 1
            at = self.run(at)
        self.at = at
        return int(text[start:at]) if whole else float(text[start:at])

    def string(self):
        text, parts = self.text, []
        at, quoted = self.at + 1, -1
        while True:
            if quoted < at:  # once per quote: the search may be long
                quoted = text.find('"', at)
            if quoted < 0:
                self.fail('string without end')
            slash = text.find('\\', at, quoted)
            piece = text[at:quoted if slash < 0 else slash]
            if piece and min(piece) < ' ':
                self.fail('control character in the string')
            parts.append(piece)
            if slash < 0:
                self.at = quoted + 1
                return ''.join(parts)
            kind = text[slash + 1:slash + 2]
            at = slash + 2
            if kind == 'u':
                code = self.unit(at)
                at += 4
                if 0xD800 <= code < 0xDC00 and text[at:at + 2] == '\\u':
                    low = self.unit(at + 2)
                    if 0xDC00 <= low < 0xE000:
                        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                        at += 6
                parts.append(chr(code))
            elif kind in _ESCAPES:
                parts.append(_ESCAPES[kind])
            else:
                self.fail('unknown escape')

    def unit(self, at):
        digits = self.text[at:at + 4]
        if len(digits) != 4 or not _HEX.issuperset(digits):
            self.fail('malformed \\u escape')
        return int(digits, 16)


def decode(text):
    # type: (str) -> object
    """Parses one JSON document; ValueError says what is wrong and where."""
    reader = _Reader(text)
    value = reader.value(0)
    reader.skip()
    if reader.at < len(text):
        reader.fail('text after the value')
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
