"""Backends made by the test itself, which do what they are told: also what no good backend does."""
import contextlib
import fcntl
import json
import socket
import struct
import termios
import threading

from .cluster import Cluster
from .wait import await_

HEAD_BYTES = 1 << 16
PIECE_BYTES = 1 << 16


class Request:
    """What arrived of one request, and over which Connection. `name` is the last part of its
    path."""

    connection = None

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ", 2)
        self.name = self.path.rsplit("/", 1)[-1]
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def __repr__(self):
        return f"{self.method} {self.path}"


class Connection:
    """One accepted connection. Reads and sends block; an error ends the connection."""

    def __init__(self, backend, sock):
        self.backend = backend
        self.sock = sock
        self.waiting = b""

    def serve(self):
        """Requests one after the other until either side has enough."""
        while True:
            request = self.read_head()
            if request is None:
                return
            if request.path == "/health":
                self.answer(200, b"{}")
                continue
            request.connection = self
            with self.backend.lock:
                self.backend.requests.append(request)
            if self.backend.behaviour(self, request) is CLOSE:
                return

    def read_head(self):
        while b"\r\n\r\n" not in self.waiting:
            piece = self.sock.recv(PIECE_BYTES)
            if not piece or len(self.waiting) > HEAD_BYTES:
                return None
            self.waiting += piece
        head, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
        return Request(head)

    def body_pieces(self, request):
        """The body as it comes; ends early when the client does."""
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunks()
            return
        left = int(request.headers.get("content-length", 0))
        while left > 0:
            piece = self._some(left)
            if not piece:
                return
            left -= len(piece)
            yield piece

    def read_body(self, request):
        return b"".join(self.body_pieces(request))

    def _chunks(self):
        while True:
            size = int(self._line().split(b";")[0], 16)
            left = size
            while left > 0:
                piece = self._some(left)
                if not piece:
                    return
                left -= len(piece)
                yield piece
            while self._line() and size == 0:
                pass  # trailers, up to the empty line
            if size == 0:
                return

    def _line(self):
        while b"\r\n" not in self.waiting:
            piece = self.sock.recv(PIECE_BYTES)
            if not piece:
                raise ConnectionError("the body ended early")
            self.waiting += piece
        line, self.waiting = self.waiting.split(b"\r\n", 1)
        return line

    def _some(self, most):
        if not self.waiting:
            self.waiting = self.sock.recv(PIECE_BYTES)
        piece, self.waiting = self.waiting[:most], self.waiting[most:]
        return piece

    def send(self, data):
        self.sock.sendall(data)

    def await_delivered(self):
        """Waits until the other side's kernel has all that was sent."""
        def delivered():
            return struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0] == 0
        await_(delivered, what="what was sent has arrived", interval=0.001)

    def answer(self, status, body, *headers):
        lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def reset(self):
        """Ends the connection with a reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


CLOSE = object()  # a behaviour that returns it has its connection closed


def good(connection, request):
    """Takes everything."""
    connection.read_body(request)
    connection.answer(201 if request.method == "POST" else 200,
                      json.dumps({"taken": request.name}).encode())


class Backend:
    """Listens at an address of a region. `behaviour(connection, request)` is called in a thread of
    the connection for everything but GET /health, and may be changed at any time. `requests` are
    those whose head arrived, in order, also over connections that are gone; `counted` is for what
    behaviours count."""

    def __init__(self, network, region, address):
        self.network = network
        self.region = region
        host, port = address.split(":")
        self.address = (host, int(port))
        self.behaviour = good
        self.requests = []
        self.counted = 0
        self.lock = threading.Lock()
        self.listener = None
        self.connections = set()
        self.listen()

    def listen(self):
        self.listener = self.network.socket(self.region)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen(128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self.lock:
            self.connections.add(sock)
        with contextlib.suppress(OSError, ValueError), sock:
            Connection(self, sock).serve()
        with self.lock:
            self.connections.discard(sock)

    def arrived(self, name):
        """How often a request of that name came here."""
        with self.lock:
            return sum(request.name == name for request in self.requests)

    def close(self):
        """Refuses connections from now on and ends those there are."""
        if self.listener is None:
            return
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        with self.lock:
            open_now = list(self.connections)
        for sock in open_now:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class BackendCluster(Cluster):
    """A cluster whose backends belong to the test: {region: [Backend, ...]} in the topology's
    order. Nothing is recorded, so there is no promise to check."""

    def __init__(self, *arguments):
        self.backends = {}
        super().__init__(*arguments)

    def _define_orders(self, region, number, listen):
        return listen.split(":")[0]

    def start(self, names=None):
        if not self.backends:
            addresses = self.topology["services"]["orders"]["backends"]
            for region, listed in addresses.items():
                self.backends[region] = [Backend(self.network, region, address)
                                         for address in listed]
        return super().start(names)

    def behave(self, region, *behaviours):
        """Sets what each of the region's backends does, in order."""
        for backend, behaviour in zip(self.backends[region], behaviours, strict=True):
            backend.behaviour = behaviour

    def arrived(self, region, name):
        """How often each of the region's backends got a request of that name."""
        return [backend.arrived(name) for backend in self.backends[region]]

    def close(self):
        for listed in self.backends.values():
            for backend in listed:
                backend.close()
        super().close()
