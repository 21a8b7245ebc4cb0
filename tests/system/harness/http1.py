"""HTTP/1 as a strict reader of bytes sees it: the judge of what a proxy sent to a backend.

Written from RFC 9112 alone and without regard for speed. Whatever two readers could understand
differently is a problem, named in a sentence; after one, the reader goes on as a lenient server
would, so that what such a server would have taken for requests can be shown.
"""
import dataclasses
import re

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
TARGET = re.compile(rb"[!-~]+")


@dataclasses.dataclass
class Message:
    """A request or an answer. `fields` are (lower-case name, value) as bytes, in order."""
    start: bytes
    fields: list
    body: bytes = b""
    framing: str = "none"  # length, chunked, close
    trailers: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)

    def values(self, name):
        return [value for key, value in self.fields if key == name]

    @property
    def line(self):
        return self.start.decode("latin-1")

    @property
    def status(self):
        return int(self.start.split(b" ")[1])


class Incomplete(Exception):
    """More bytes are needed."""


class Broken(Exception):
    """No reader can tell where this message ends."""


def read_request(data):
    """(Message, bytes used). Raises Incomplete or Broken."""
    start, fields, used, problems = _read_head(data)
    words = start.split(b" ")
    if len(words) != 3 or not TOKEN.fullmatch(words[0]) or not TARGET.fullmatch(words[1]) or \
            words[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        problems.append(f"a request line that is none: {start[:60]!r}")
    old = words[-1] == b"HTTP/1.0"
    message = Message(start, fields, problems=problems)
    if old and message.values(b"transfer-encoding"):
        problems.append("Transfer-Encoding in HTTP/1.0")
    if len(message.values(b"host")) != 1 and not (old and not message.values(b"host")):
        problems.append(f"{len(message.values(b'host'))} Host headers")
    return _with_body(message, data, used, None)


def read_answer(data, to_head=False, ended=False):
    """(Message, bytes used). `ended`: no more bytes will come."""
    start, fields, used, problems = _read_head(data)
    if not re.match(rb"HTTP/1\.[01] [1-9]\d\d( |$)", start):
        raise Broken(f"not a status line: {start[:60]!r}")
    message = Message(start, fields, problems=problems)
    if to_head or message.status < 200 or message.status in (204, 304):
        return message, used
    return _with_body(message, data, used, ended)


def _read_head(data):
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise Incomplete
    lines = data[:end].split(b"\r\n")
    problems = []
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            problems.append(f"a header line that is none: {line[:40]!r}")
        if not VALUE.fullmatch(value):
            problems.append(f"a control character in {line[:40]!r}")
        fields.append((name.strip().lower(), value.strip(b" \t")))
    return lines[0], fields, end + 4, problems


def _with_body(message, data, used, ended):
    """Reads the body; `ended` is None for a request, which has none without a length."""
    lengths = message.values(b"content-length")
    codings = message.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        message.problems.append(f"{len(lengths)} Content-Length, {len(codings)} Transfer-Encoding")
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"]:
            message.problems.append(f"Transfer-Encoding is {codings!r}")
        message.framing = "chunked"
        used = _read_chunks(message, data, used)
    elif lengths:
        if not re.fullmatch(rb"\d{1,18}", lengths[0]):
            raise Broken(f"Content-Length is {lengths[0][:40]!r}")
        message.framing = "length"
        end = used + int(lengths[0])
        if end > len(data):
            raise Incomplete
        message.body, used = data[used:end], end
    elif ended is not None:
        if not ended:
            raise Incomplete
        message.framing, message.body, used = "close", data[used:], len(data)
    return message, used


def _read_chunks(message, data, used):
    while True:
        end = data.find(b"\r\n", used)
        if end < 0:
            raise Incomplete
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", data[used:end]):
            raise Broken(f"a chunk size that is none: {data[used:end][:40]!r}")
        size = int(data[used:end], 16)
        used = end + 2
        if size == 0:
            return _read_trailers(message, data, used)
        if used + size + 2 > len(data):
            raise Incomplete
        message.body += data[used:used + size]
        if data[used + size:used + size + 2] != b"\r\n":
            raise Broken("a chunk that does not end with its line")
        used += size + 2


def _read_trailers(message, data, used):
    while True:
        end = data.find(b"\r\n", used)
        if end < 0:
            raise Incomplete
        line, used = data[used:end], end + 2
        if not line:
            return used
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            message.problems.append(f"a trailer that is none: {line[:40]!r}")
        message.trailers.append((name.lower(), value.strip(b" \t")))
