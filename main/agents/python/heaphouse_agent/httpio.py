"""The HTTP side: discovery endpoints and the WebSocket handshake, with Host and Origin checks."""
from .codec import encode
from .compat import binascii, os, sha1, sys

MAX_HEAD = 16384  # bytes of request line and headers
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'  # RFC 6455, section 1.3
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')


class Refusal(Exception):
    """A request answered with an error status."""

    def __init__(self, status, text):
        Exception.__init__(self, text)
        self.status = status
        self.text = text


class Request(object):
    def __init__(self, method, path, headers):
        self.method = method
        self.path = path
        self.headers = headers


def parse(head):
    # type: (bytes) -> Request
    """Parses a request head (without the final blank line)."""
    lines = head.decode('latin-1').split('\r\n')
    parts = lines[0].split(' ')
    if len(parts) != 3 or not parts[2].startswith('HTTP/1.'):
        raise Refusal('400 Bad Request', 'not an HTTP request')
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(':')
        if not colon or not name or name != name.strip():
            raise Refusal('400 Bad Request', 'malformed header')
        name = name.lower()
        if name in headers and name in ('host', 'origin', 'sec-websocket-key'):
            raise Refusal('400 Bad Request', 'header given twice')
        headers[name] = value.strip()
    return Request(parts[0], parts[1].partition('?')[0], headers)


def _hostname(authority):
    # type: (str) -> str
    host, colon, port = authority.rpartition(':')
    if colon and port.isdigit():
        return host.lower()
    return authority.lower()


def check_caller(request):
    # type: (Request) -> None
    """Refuses a foreign Host (DNS rebinding) and pages of other origins."""
    host = request.headers.get('host')
    if host is None or _hostname(host) not in LOOPBACK:
        raise Refusal('403 Forbidden', 'Host must be a loopback address')
    origin = request.headers.get('origin')
    if origin is None or origin.startswith('devtools://'):
        return
    for scheme in ('http://', 'https://'):
        if origin.startswith(scheme) and _hostname(origin[len(scheme):]) in LOOPBACK:
            return
    raise Refusal('403 Forbidden', 'Origin is not allowed')


def respond(status, body, kind='application/json; charset=UTF-8'):
    # type: (str, str, str) -> bytes
    data = body.encode('utf-8')
    head = ('HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n'
            'Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n'
            'Connection: close\r\n\r\n' % (status, kind, len(data)))
    return head.encode('latin-1') + data


def refuse(refusal):
    # type: (Refusal) -> bytes
    return respond(refusal.status, refusal.text + '\n', 'text/plain; charset=UTF-8')


def handshake(request):
    # type: (Request) -> bytes
    """The 101 answer, or Refusal."""
    headers = request.headers
    if headers.get('upgrade', '').lower() != 'websocket' or request.method != 'GET':
        raise Refusal('426 Upgrade Required', 'this address speaks WebSocket')
    if headers.get('sec-websocket-version') != '13':
        raise Refusal('426 Upgrade Required', 'WebSocket version 13 is needed')
    key = headers.get('sec-websocket-key', '')
    try:
        good = len(binascii.a2b_base64(key.encode('latin-1'))) == 16
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise Refusal('400 Bad Request', 'malformed Sec-WebSocket-Key')
    accept = binascii.b2a_base64(sha1(key.encode('latin-1') + GUID).digest()).strip()
    return (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
            b'Connection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')


def discovery(path, port, token, title):
    # type: (str, int, str, str) -> str
    """The JSON of a discovery endpoint, or None when there is no such endpoint."""
    version = '.'.join([str(n) for n in sys.version_info[:3]])
    if path == '/json/version':
        return encode({'Browser': 'CPython/' + version, 'Protocol-Version': '1.3'})
    if path in ('/json', '/json/', '/json/list'):
        where = '127.0.0.1:%d/%s' % (port, token)
        return encode([{
            'id': token, 'type': 'node', 'title': title, 'description': 'CPython ' + version,
            'url': 'file://', 'webSocketDebuggerUrl': 'ws://' + where,
            'devtoolsFrontendUrl':
                'devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=' + where,
        }])
    if path in ('/json/protocol', '/json/protocol/'):
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        try:
            with open(os.path.join(here, 'protocol.json'), encoding='utf-8') as file:
                return file.read()
        except OSError:
            return None
    return None
