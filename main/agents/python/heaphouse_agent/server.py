"""The agent's one thread: waits on sockets and pipes, sleeps when nothing is asked."""
from . import httpio, waiting, websocket
from .codec import decode, encode
from .compat import _socket, deque, fd_identity, high_fd, os, select
from .peer import may_connect
from .workers import Hurry, Loan

MAX_CONNECTIONS = 32
MAX_BACKLOG = 4 << 20  # bytes waiting for a client before bulk data pauses
DROP_BACKLOG = 64 << 20  # bytes waiting for a client that does not read: it is closed


class Connection(object):
    """One TCP connection: first HTTP, then possibly a WebSocket with a session."""

    def __init__(self, server, sock, fd):
        self.server = server
        self.sock = sock
        self.fd = fd
        self.identity = fd_identity(fd)
        self.head = bytearray()
        self.decoder = None
        self.session = None
        self.out = deque()
        self.out_bytes = 0
        self.closing = False
        self.gone = False
        self.on_drain = None  # called once when the backlog is small again

    def send_bytes(self, data):
        # type: (bytes) -> None
        if self.gone or self.closing:
            return
        self.out.append(data)
        self.out_bytes += len(data)
        if self.out_bytes > DROP_BACKLOG:
            self.server.close(self)
        else:
            self.flush()

    def send(self, message):
        # type: (dict) -> None
        self.send_bytes(websocket.frame(encode(message).encode('ascii')))

    def flush(self):
        try:
            while self.out:
                data = self.out[0]
                sent = self.sock.send(data)
                self.out_bytes -= sent
                if sent < len(data):
                    self.out[0] = data[sent:] if len(data) < 65536 else memoryview(data)[sent:]
                    break
                self.out.popleft()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.server.close(self)
            return
        if self.on_drain is not None and self.out_bytes < MAX_BACKLOG // 4:
            resume, self.on_drain = self.on_drain, None
            resume()
        if self.closing and not self.out:
            self.server.close(self)
        else:
            self.server.want(self.fd, select.POLLIN | (select.POLLOUT if self.out else 0))

    def finish(self, last=b''):
        """Sends what is left and closes."""
        if last:
            self.send_bytes(last)
        self.closing = True
        if not self.gone:
            self.flush()

    def on_ready(self, events):
        if events & select.POLLOUT:
            self.flush()
        if self.gone or not events & ~select.POLLOUT:
            return
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b''
        if not data:
            self.server.close(self)
        elif not self.closing:
            self.on_data(data)

    def on_data(self, data):
        # type: (bytes) -> None
        if self.decoder is None:
            self.head += data
            end = self.head.find(b'\r\n\r\n')
            if end < 0:
                if len(self.head) > httpio.MAX_HEAD:
                    self.finish(httpio.refuse(httpio.Refusal(
                        '431 Request Header Fields Too Large', 'request head too long')))
                return
            head, rest = bytes(self.head[:end]), bytes(self.head[end + 4:])
            try:
                self.on_request(httpio.parse(head))
            except httpio.Refusal as refusal:
                self.finish(httpio.refuse(refusal))
                return
            if self.decoder is None or not rest:
                return
            data = rest
        try:
            # No `for`: its iterator would be an object of ours on the stack during a snapshot.
            messages = self.decoder.feed(data)
            while messages:
                opcode, payload = messages.pop(0)
                self.on_message(opcode, payload)
                if self.gone or self.closing:
                    return
        except websocket.Violation as violation:
            self.finish(websocket.close_frame(violation.code, violation.text))

    def on_request(self, request):
        httpio.check_caller(request)
        server = self.server
        if request.path == '/' + server.token:
            answer = httpio.handshake(request)
            self.decoder = websocket.Decoder()
            self.session = server.new_session(self)
            self.send_bytes(answer)
            return
        if 'upgrade' in request.headers:
            raise httpio.Refusal('404 Not Found', 'no such address')
        if request.method not in ('GET', 'PUT'):
            raise httpio.Refusal('405 Method Not Allowed', 'GET only')
        body = httpio.discovery(request.path, server.port, server.token, server.title)
        if body is None:
            raise httpio.Refusal('404 Not Found', 'no such address')
        self.finish(httpio.respond('200 OK', body))

    def on_message(self, opcode, payload):
        if opcode == websocket.PING:
            self.send_bytes(websocket.frame(payload, websocket.PONG))
        elif opcode == websocket.CLOSE:
            self.finish(websocket.frame(payload[:2], websocket.CLOSE))
        elif opcode == websocket.TEXT:
            try:
                text = payload.decode('utf-8')
            except UnicodeDecodeError:
                raise websocket.Violation(1007, 'text is not UTF-8')
            try:
                message = decode(text)
            except ValueError as error:
                self.send({'error': {'code': -32700, 'message': 'JSON: ' + str(error)}})
                return
            self.session.handle(message)


class Server(object):
    """Loopback listener and event loop. `agent` makes sessions and hears of idle moments."""

    def __init__(self, agent, port, waker):
        self.agent = agent
        self.token = os.urandom(20).hex()
        self.title = agent.title
        self.waker = waker
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', port))
        listener.listen(16)
        self.port = listener.getsockname()[1]
        fd = high_fd(listener.detach())
        self.listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd)
        self.listener.setblocking(False)
        self.listener_identity = fd_identity(fd)
        self.connections = {}
        self.readers = {}  # fd -> callable(events): pipes of snapshot children
        self.poll = waiting.make()
        if type(self.poll) is waiting.Poll:
            Hurry.poll = self.poll
        self.poll.register(fd, select.POLLIN)
        self.poll.register(waker.read_fd, select.POLLIN)
        self.running = True

    def new_session(self, connection):
        return self.agent.new_session(connection)

    def want(self, fd, events):
        # type: (int, int) -> None
        try:
            self.poll.modify(fd, events)
        except (OSError, KeyError):
            pass

    def add_reader(self, fd, callback):
        self.readers[fd] = callback
        self.poll.register(fd, select.POLLIN)

    def pause_reader(self, fd, paused):
        if fd in self.readers:
            self.want(fd, 0 if paused else select.POLLIN)

    def remove_reader(self, fd):
        if self.readers.pop(fd, None) is not None:
            self.forget(fd)

    def forget(self, fd):
        try:
            self.poll.unregister(fd)
        except (OSError, KeyError):
            pass

    def accept(self):
        try:
            raw, address = self.listener._accept()
        except (BlockingIOError, InterruptedError, OSError):
            return
        fd = high_fd(raw)
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd)
        if not may_connect(address[1], self.port):
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if len(self.connections) >= MAX_CONNECTIONS:
            waiting = [c for c in self.connections.values() if c.session is None]
            if not waiting:
                sock.close()
                return
            self.close(waiting[0])
        self.connections[fd] = Connection(self, sock, fd)
        self.poll.register(fd, select.POLLIN)

    def close(self, connection):
        if connection.gone:
            return
        connection.gone = True
        self.connections.pop(connection.fd, None)
        self.forget(connection.fd)
        drop(connection.sock, connection.identity)
        session, connection.session = connection.session, None  # a cycle would wait for the collector
        if session is not None:
            self.agent.end_session(session)

    def run(self):
        """Serves until `running` is cleared. Every descriptor is checked to still be ours."""
        listener_fd = self.listener.fileno()
        while self.running:
            # While collections keep coming they are fetched, see gcevents; without a client it is
            # looked now and then whether the workbench still lives, see lifecycle.
            patience = self.agent.patience_ms()
            if patience == 0:
                self.running = False
                return
            if self.agent.gc.polled:
                patience = self.agent.gc.poll_ms
            due = Loan.left_ms()
            if due is not None:
                patience = int(due) + 1 if patience is None else min(patience, int(due) + 1)
            Hurry.end()
            ready = self.poll.poll(patience)
            Hurry.begin(True)
            if not ready:
                self.agent.on_wake()
            elif not self.handle(ready, listener_fd):
                return
            elif self.running and self.agent.gc.polled:
                self.agent.on_wake()  # awake anyway: once less

    def handle(self, ready, listener_fd):
        # type: (list, int) -> bool
        """What poll() has told; False when it is time to leave."""
        while ready:  # no `for`, see Connection.on_data
            fd, events = ready.pop(0)
            if fd == self.waker.read_fd:
                if events & select.POLLNVAL or not same(fd, self.waker.identity):
                    return False
                self.waker.drain()
                self.agent.on_wake()
            elif fd == listener_fd:
                if events & select.POLLNVAL or not same(fd, self.listener_identity):
                    return False  # the program closed our descriptors (a daemon does): leave
                self.accept()
            elif fd in self.readers:
                self.readers[fd](events)
            elif fd in self.connections:
                connection = self.connections[fd]
                if same(fd, connection.identity):
                    connection.on_ready(events)
                else:
                    self.close(connection)
            else:
                self.forget(fd)
            if not self.running:
                break
        return True

    def shut(self):
        """Closes every socket; anything still queued is given one attempt."""
        for connection in list(self.connections.values()):
            connection.flush()
            self.close(connection)
        drop(self.listener, self.listener_identity)
        self.stop_waiting()

    def stop_waiting(self):
        """Nobody waits any more."""
        Hurry.poll = None
        if type(self.poll) is waiting.Poll:
            self.poll.close()


def same(fd, identity):
    try:
        return fd_identity(fd) == identity
    except OSError:
        return False


def drop(sock, identity):
    """Closes the socket if its number is still ours, else lets go of the number."""
    fd = sock.fileno()
    if fd >= 0 and same(fd, identity):
        sock.close()
    else:
        sock.detach()
