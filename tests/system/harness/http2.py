"""HTTP/2 frame by frame over TLS, for what no well-behaved client would say.

Heads are written in HPACK's plainest form, literals that are not indexed; of answers no more is
read than their status.
"""
import ssl
import struct

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)

# RFC 7541, appendix A: the indexes of whole :status fields; appendix B: the codes of digits.
STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
STATUS_NAME = 8
DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
          "011100": "6", "011101": "7", "011110": "8", "011111": "9"}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def integer(value, bits):
    """HPACK's integer behind a prefix of so many bits, which is 0 otherwise (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = [most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def literal(name, value):
    name, value = name.encode("latin-1"), value.encode("latin-1")
    return b"\0" + integer(len(name), 7) + name + integer(len(value), 7) + value


def block(*fields):
    return b"".join(literal(name, value) for name, value in fields)


def request(*more, method="GET", scheme="https", authority="shop", path="/ready"):
    """A block of a request's fields; a pseudo-field that is None is left out."""
    pseudo = ((":method", method), (":scheme", scheme), (":authority", authority), (":path", path))
    return block(*[field for field in pseudo if field[1] is not None], *more)


def status_of(head):
    """The status, which is the first field of an answer's block."""
    while head[0] & 0xe0 == 0x20:  # changes the size of the table
        head = head[1:]
    if head[0] & 0x80:
        return STATUSES[head[0] & 0x7f]
    assert head[0] & 0x0f == STATUS_NAME or head[0] & 0x3f == STATUS_NAME, head
    size, huffman = head[1] & 0x7f, head[1] & 0x80
    value = head[2:2 + size]
    if not huffman:
        return int(value)
    digits, code = "", ""
    for bit in "".join(f"{byte:08b}" for byte in value):
        code += bit
        if code in DIGITS:
            digits, code = digits + DIGITS[code], ""
    return int(digits)


def context():
    """A client that wants HTTP/2 and trusts everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["h2"])
    return made


class Connection:
    """`outcomes`: what came for each stream, ("answer", status) or ("reset", code), the first
    that was final; `goaway`: the code of a GOAWAY with an error; `ended`: closed by the server."""

    def __init__(self, sock, greet=True, patience=20):
        sock.settimeout(patience)
        self.sock = context().wrap_socket(sock)
        assert self.sock.selected_alpn_protocol() == "h2"
        self.unread = b""
        self.outcomes = {}
        self.statuses = {}
        self.goaway = None
        self.pings = 0
        self.ended = False
        self.greeted = False  # its SETTINGS have come
        if greet:
            self.send(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            self.ended = True

    def close(self):
        self.sock.close()

    def read_until(self, condition):
        """Reads frames until the condition holds or the connection has ended."""
        while not condition() and not self.ended:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            self.ended |= not data
            self.unread += data
            self._take_frames()

    def _take_frames(self):
        while len(self.unread) >= 9:
            size = int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < 9 + size:
                return
            kind, flags = self.unread[3], self.unread[4]
            stream = int.from_bytes(self.unread[5:9], "big")
            payload, self.unread = self.unread[9:9 + size], self.unread[9 + size:]
            self._take(kind, flags, stream, payload)

    def _take(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
            self.greeted = True
        elif kind == PING and flags & ACK:
            self.pings += 1
        elif kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
            self.goaway = code if code or self.goaway is None else self.goaway
        elif kind == RST_STREAM:
            self.outcomes.setdefault(stream, ("reset", int.from_bytes(payload, "big")))
        elif kind == HEADERS and stream not in self.statuses:
            status = status_of(payload)
            if status >= 200:
                self.statuses[stream] = status
        if kind in (DATA, HEADERS) and flags & END_STREAM and stream in self.statuses:
            self.outcomes.setdefault(stream, ("answer", self.statuses[stream]))

    def ask(self, stream, **parts):
        """The outcome of a request in order."""
        self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, request(**parts)))
        self.read_until(lambda: stream in self.outcomes)
        return self.outcomes.get(stream)
