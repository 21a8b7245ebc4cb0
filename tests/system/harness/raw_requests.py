"""Cases of raw requests (../requests/*.toml), and what a proxy before a Recorder does with them.

A case, in TOML; texts are bytes in Latin-1, with TOML's escapes:
  name, clause   what it is about, and the clause of the standard
  request        the bytes; "{fill}" stands for fill = [text, times]
  then           bytes that follow once the first answer is there
  after          false: no further request follows (see below)
  end            true: the client ends its side when all is sent
  answer, answer_ends   what the backend answers, and whether it then closes the connection
  own            true: about headers of our own; other proxies are not asked
and the strict answer:
  status         of each answer, in order; "cut" stands for the beginning of one
  open           whether the connection takes another request
  backend        "nothing": not one byte reaches the backend; "incomplete": no complete request
                 does; a list: the request lines that reach it, in one unambiguous form
  body, has, lacks, framing   of the first of these requests
  answer_body, answer_has, answer_lacks   of the last answer

Right behind the case's bytes the client asks for /after, with "Connection: close": so every
conversation ends by itself, and a request hidden in the case's bytes comes to light.
"""
import dataclasses
import pathlib
import selectors
import socket
import time
import tomllib

from . import http1
from .recorder import ANSWER

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "requests"
AFTER_LINE = "GET /after HTTP/1.1"
AFTER = f"{AFTER_LINE}\r\nHost: shop\r\nConnection: close\r\n\r\n".encode()
SENTINEL_LINE = "GET /sentinel HTTP/1.1"
SENTINEL = AFTER.replace(b"/after", b"/sentinel")


# A proxy may pass the sound beginning of such a body on before the fault arrives.
BODIES = "Chunked bodies and trailers"


@dataclasses.dataclass
class Case:
    name: str
    clause: str
    request: bytes
    status: list
    backend: object = "nothing"
    open: bool = False
    topic: str = ""
    fill: tuple = ("", 0)
    then: bytes = b""
    after: bool = True
    end: bool = False
    answer: bytes = ANSWER
    answer_ends: bool = False
    own: bool = False
    body: bytes = None
    has: tuple = ()
    lacks: tuple = ()
    framing: str = None
    answer_body: bytes = None
    answer_has: tuple = ()
    answer_lacks: tuple = ()

    def __post_init__(self):
        for key in ("request", "then", "answer"):
            text = getattr(self, key)
            if isinstance(text, str):
                text = text.replace("{fill}", self.fill[0] * self.fill[1])
                setattr(self, key, text.encode("latin-1"))
        for key in ("body", "answer_body"):
            if isinstance(getattr(self, key), str):
                setattr(self, key, getattr(self, key).encode("latin-1"))
        if not isinstance(self.status, list):
            self.status = [self.status]
        if isinstance(self.backend, list):
            self.backend = [line.replace("{fill}", self.fill[0] * self.fill[1])
                            for line in self.backend]

    @property
    def strict(self):
        """The strict answer as text."""
        ends = "" if self.open else ", closed"
        return f"{words_of(self.status)}{ends}; {forwarded_words(self.backend)}"


def load(folder=FOLDER):
    """All cases, in the order of the files' names."""
    cases = []
    for path in sorted(folder.glob("*.toml")):
        with open(path, "rb") as file:
            content = tomllib.load(file)
        cases += [Case(topic=content["topic"], **case) for case in content["case"]]
    return cases


def words_of(status):
    return " ".join(str(one) for one in status) or "no answer"


def forwarded_words(backend):
    if backend == "nothing":
        return "nothing forwarded"
    if backend == "incomplete":
        return "nothing complete forwarded"
    return "forwarded" if len(backend) == 1 else f"{len(backend)} requests forwarded"


@dataclasses.dataclass
class Outcome:
    """What a proxy did. `answers` and `status`: to the case alone; `open`: /after was answered;
    `waits`: it neither answered all nor closed; `record`: the case's alone."""
    answers: list
    status: list
    open: bool
    waits: bool
    record: object

    def __str__(self):
        ends = ", waits" if self.waits else "" if self.open else ", closed"
        return f"{words_of(self.status)}{ends}; {self.forwarded()}"

    def problems(self):
        return self.record.broken + [problem for request in self.record.requests
                                     for problem in request.problems]

    def forwarded(self):
        if self.problems():
            return "ambiguous forwarded: " + "; ".join(self.problems())
        if self.record.requests:
            more = ", and more that is incomplete" if self.record.rest else ""
            return forwarded_words(self.record.requests) + more
        return forwarded_words("incomplete" if self.record.rest else "nothing")


def converse(address, recorder, case, patience, piece=None):
    """Runs a case against the proxy at `address`, whose backend is the recorder. patience: seconds
    of silence after which it is taken to wait for more. piece: send that many bytes at a time."""
    recorder.begin(case.answer, case.answer_ends)
    client = _Client(address, patience, piece)
    after = AFTER if case.after and not case.end else b""
    if case.then:
        client.send(case.request)
        client.run(until=lambda: bool(_answers(client.received, case.request, False)[0]))
        client.send(case.then + after)
    else:
        client.send(case.request + after)
    if case.end:
        client.end_when_sent()
    client.run()
    client.close()
    _await_sentinel(address)
    record = recorder.take()
    lines = [request.line for request in record.requests]
    record.requests = [request for request in record.requests
                       if request.line not in (AFTER_LINE, SENTINEL_LINE)]
    answers, status = _answers(client.received, case.request, True)
    is_open = AFTER_LINE in lines and bool(status) and status[-1] == 200
    if is_open:
        answers.pop()
        status.pop()
    return Outcome(answers, status, is_open, not client.ended, record)


def _await_sentinel(address):
    """What the proxy sent to the backend before it sent the answer to this is in the record."""
    with socket.create_connection(address, timeout=30) as sock:
        sock.sendall(SENTINEL)
        while sock.recv(4096):
            pass


def _answers(data, request, ended):
    """(complete answers, their status and "cut" for a beginning at the end)"""
    answers, used = [], 0
    while used < len(data):
        first = not any(answer.status >= 200 for answer in answers)
        try:
            answer, length = http1.read_answer(
                data[used:], first and request.startswith(b"HEAD "), ended)
        except (http1.Incomplete, http1.Broken):
            return answers, [answer.status for answer in answers] + ["cut"]
        answers.append(answer)
        used += length
    return answers, [answer.status for answer in answers]


class _Client:
    """Sends and reads at the same time, so that neither side can block the other."""

    def __init__(self, address, patience, piece):
        self.sock = socket.create_connection(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.patience, self.piece = patience, piece
        self.unsent, self.received = b"", b""
        self.ended = False
        self.end_after = False

    def send(self, data):
        self.unsent += data

    def end_when_sent(self):
        self.end_after = True

    def run(self, until=lambda: False):
        """Until the proxy ends the connection, or is silent for too long, or `until` is true."""
        quiet_since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            while not self.ended and not until():
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
                selector.modify(self.sock, events)
                left = quiet_since + self.patience - time.monotonic()
                if left <= 0:
                    return
                for _, ready in selector.select(left):
                    quiet_since = time.monotonic()
                    self._step(ready)

    def _step(self, ready):
        if ready & selectors.EVENT_READ:
            try:
                data = self.sock.recv(1 << 20)
            except OSError:
                data = b""
            self.received += data
            self.ended = not data
            return
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent[:self.piece]):]
            if not self.unsent and self.end_after:
                self.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = b""  # the proxy does not want the rest

    def close(self):
        self.sock.close()


def differences(case, outcome):
    """How an outcome differs from the strict answer, as sentences."""
    found = []
    if outcome.status != case.status:
        found.append(f"answered {words_of(outcome.status)}, not {words_of(case.status)}")
    if outcome.waits:
        found.append("waits for more")
    elif case.after and outcome.open != case.open:
        found.append("takes another request" if outcome.open else "takes no other request")
    found += _forwarded_differences(case, outcome)
    if outcome.answers:
        found += _message_differences("the answer", outcome.answers[-1], case.answer_has,
                                      case.answer_lacks, case.answer_body)
    return found


def _forwarded_differences(case, outcome):
    record = outcome.record
    if outcome.problems():
        return [outcome.forwarded()]
    lines = [request.line for request in record.requests]
    if isinstance(case.backend, str):
        if lines:
            return [f"{lines} reached the backend"]
        if record.rest and case.backend == "nothing":
            return [f"{len(record.rest)} bytes reached the backend: {record.rest[:200]!r}"]
        return []
    if lines != case.backend:
        return [f"{lines} reached the backend instead of {case.backend}"]
    if record.rest:
        return [f"{record.rest[:200]!r} reached the backend, too"]
    first = record.requests[0]
    found = _message_differences("the request", first, case.has, case.lacks, case.body)
    if case.framing and first.framing != case.framing:
        found.append(f"the body's framing is {first.framing}, not {case.framing}")
    return found


def _message_differences(what, message, has, lacks, body):
    found = []
    for line in has:
        name, _, value = line.partition(":")
        values = message.values(name.lower().encode())
        if b", ".join(values) != value.strip().encode("latin-1") or not values:
            found.append(f"{what} has {name} {values}")
    names = {name for name, _ in message.fields + message.trailers}
    found += [f"{what} has {name}" for name in lacks if name.lower().encode() in names]
    if body is not None and message.body != body:
        found.append(f"{what}'s body is {message.body[:80]!r}, not {body[:80]!r}")
    return found


def leniences(case, outcome):
    """Where a proxy that need not be Regent is less strict than the case wants it, as sentences. It
    may refuse with another number, and speak HTTP/1.0 for an HTTP/1.0 client."""
    case = dataclasses.replace(case)
    for request in outcome.record.requests:
        request.start = request.start.replace(b" HTTP/1.0", b" HTTP/1.1")
    if case.topic == BODIES and case.backend == "nothing":
        case.backend = "incomplete"
    if isinstance(case.backend, str) and case.status and case.status[-1] != "cut":
        refused = bool(outcome.status) and outcome.status[-1] != "cut" and outcome.status[-1] >= 400
        if refused and not outcome.open and not outcome.waits:
            return _forwarded_differences(case, outcome)
        if case.status[-1] >= 400:
            return ["not refused"]
    return differences(case, outcome)
