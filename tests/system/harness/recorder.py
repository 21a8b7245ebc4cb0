"""A backend that keeps every byte that reaches it and answers what it was told to.

One thread. It reads whatever has arrived on all connections before it answers anything, so once a
request has been answered, all bytes that were sent before it are in the record.
"""
import dataclasses
import selectors
import socket
import threading

from . import http1

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhere\n"
BROKEN_ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEALTH = b"GET /health "


class Connection:
    """`data`: all bytes so far; `used`: of them, those of complete requests."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""
        self.used = 0
        self.ended = False
        self.continued = 0  # where the request begins that was told to go on


@dataclasses.dataclass
class Record:
    """What reached the backend: complete requests in order, what could not be read, and the bytes
    of requests that were never complete."""
    requests: list
    broken: list
    rest: bytes


class Recorder:
    """Listens on `host`, on a port of its own choice (`address`). `answer`: the bytes that requests
    get whose target starts with `path`; all others get ANSWER. With `answer_ends` the connection is
    closed behind it."""

    def __init__(self, host, path="/case"):
        self.listener = socket.create_server((host, 0))
        self.address = self.listener.getsockname()
        self.path = path.encode()
        self.answer, self.answer_ends = ANSWER, False
        self.connections = []
        self.record = Record([], [], b"")
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.closing, self.wake = socket.socketpair()
        self.selector.register(self.closing, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.wake.close()
        self.thread.join()
        for connection in self.connections:
            connection.sock.close()
        self.listener.close()
        self.closing.close()
        self.selector.close()

    def begin(self, answer=ANSWER, answer_ends=False):
        """Starts a new record."""
        with self.lock:
            self.record = Record([], [], b"")
            self.answer, self.answer_ends = answer, answer_ends
            for connection in self.connections:
                connection.data, connection.used = connection.data[connection.used:], 0
                connection.continued = 0

    def take(self):
        """The record since begin(). A connection with an unfinished request is closed, so that the
        next record does not begin inside it."""
        with self.lock:
            record = self.record
            for connection in list(self.connections):
                rest = connection.data[connection.used:]
                if rest:
                    record.rest += rest
                    self._drop(connection)
            return record

    def _run(self):
        while True:
            ready = [key.fileobj for key, _ in self.selector.select()]
            if self.closing in ready:
                return
            with self.lock:
                for sock in ready:
                    if sock is self.listener:
                        self._accept()
                for connection in list(self.connections):
                    self._read(connection)
                for connection in list(self.connections):
                    self._serve(connection)
                    if connection.ended and connection in self.connections:
                        self._end(connection)

    def _accept(self):
        sock, _ = self.listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.connections.append(Connection(sock))
        self.selector.register(sock, selectors.EVENT_READ)

    def _drop(self, connection):
        self.selector.unregister(connection.sock)
        connection.sock.close()
        self.connections.remove(connection)

    @staticmethod
    def _read(connection):
        try:
            while True:
                data = connection.sock.recv(1 << 20)
                if not data:
                    break
                connection.data += data
        except BlockingIOError:
            return
        except OSError:
            pass
        connection.ended = True

    def _end(self, connection):
        rest = connection.data[connection.used:]
        if not rest.startswith(HEALTH):
            self.record.rest += rest
        self._drop(connection)

    def _serve(self, connection):
        while connection in self.connections and connection.used < len(connection.data):
            rest = connection.data[connection.used:]
            try:
                request, used = http1.read_request(rest)
            except http1.Incomplete:
                return self._continue(connection, rest)
            except http1.Broken as problem:
                self.record.broken.append(f"{problem}, in {rest[:200]!r}")
                connection.used = len(connection.data)
                self._send(connection, BROKEN_ANSWER)
                return self._drop(connection)
            connection.used += used
            self._answer(connection, request, rest.startswith(HEALTH))

    def _continue(self, connection, rest):
        head, whole, _ = rest.lower().partition(b"\r\n\r\n")
        if whole and b"\r\nexpect: 100-continue" in head and \
                connection.continued <= connection.used:
            connection.continued = connection.used + 1
            self._send(connection, CONTINUE)

    def _answer(self, connection, request, is_health):
        if not is_health:
            self.record.requests.append(request)
        target = request.start.split(b" ")[1:2]
        of_case = bool(target) and target[0].startswith(self.path)
        answer = self.answer if of_case else ANSWER
        if request.start.startswith(b"HEAD ") and answer is ANSWER:
            answer = ANSWER[:ANSWER.index(b"\r\n\r\n") + 4]
        self._send(connection, answer)
        if of_case and self.answer_ends:
            self._drop(connection)

    @staticmethod
    def _send(connection, data):
        try:
            connection.sock.settimeout(5)
            connection.sock.sendall(data)
        except OSError:
            pass  # the proxy is gone; the next read notices
        connection.sock.setblocking(False)
