"""WebSocket framing (RFC 6455), server side, bounded, no extensions."""

MAX_MESSAGE = 8 << 20  # bytes; requests are small, evaluated sources the largest of them

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Violation(Exception):
    """The peer broke the protocol; `code` goes into the close frame."""

    def __init__(self, code, text):
        Exception.__init__(self, text)
        self.code = code
        self.text = text


def frame(payload, opcode=TEXT):
    # type: (bytes, int) -> bytes
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2, 'big')
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8, 'big')
    return head + payload


def close_frame(code, text=''):
    # type: (int, str) -> bytes
    return frame(code.to_bytes(2, 'big') + text.encode('utf-8')[:120], CLOSE)


def unmask(payload, key):
    # type: (bytes, bytes) -> bytes
    """XOR with the 4-byte key, done as one big integer."""
    size = len(payload)
    if not size:
        return b''
    stream = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, 'big') ^ int.from_bytes(stream, 'big')
    return mixed.to_bytes(size, 'big')


class Decoder(object):
    """Feed it bytes, get (opcode, payload) of whole messages and control frames."""

    def __init__(self):
        self.data = bytearray()
        self.parts = []
        self.size = 0
        self.opcode = 0

    def feed(self, data):
        # type: (bytes) -> list
        self.data += data
        out = []
        while True:
            message = self._next()
            if message is None:
                return out
            if message:
                out.append(message)

    def _next(self):
        """A message, False for a part of one, None when more bytes are needed."""
        data = self.data
        if len(data) < 2:
            return None
        first, second = data[0], data[1]
        if first & 0x70:
            raise Violation(1002, 'reserved bits are set')
        if not second & 0x80:
            raise Violation(1002, 'client frames must be masked')
        opcode, final, size, at = first & 0x0F, first & 0x80, second & 0x7F, 2
        if opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            raise Violation(1002, 'unknown opcode')
        if opcode >= CLOSE and (size > 125 or not final):
            raise Violation(1002, 'malformed control frame')
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < 2 + width:
                return None
            size = int.from_bytes(data[2:2 + width], 'big')
            at = 2 + width
        if size > MAX_MESSAGE or (opcode < CLOSE and self.size + size > MAX_MESSAGE):
            raise Violation(1009, 'message too big')
        if len(data) < at + 4 + size:
            return None
        payload = unmask(bytes(data[at + 4:at + 4 + size]), bytes(data[at:at + 4]))
        del data[:at + 4 + size]
        if opcode >= CLOSE:
            return (opcode, payload)
        if opcode == BINARY:
            raise Violation(1003, 'only text messages are understood')
        if (opcode == 0) != bool(self.opcode):
            raise Violation(1002, 'continuation frame out of place')
        self.parts.append(payload)
        self.size += size
        if len(self.parts) > 4096:
            raise Violation(1009, 'too many fragments')
        if not final:
            self.opcode = TEXT
            return False
        whole = b''.join(self.parts)
        self.parts, self.size, self.opcode = [], 0, 0
        return (TEXT, whole)
