"""Backends that do what they should not: what clients are told, and that nothing is sent again
unless it may be, by what the backends saw themselves."""
import contextlib
import itertools
import json
import unittest

from harness.backends import CLOSE, BackendCluster, good
from harness.case import ClusterTest
from harness.topology import topology
from harness.wait import await_

WAYS = ("us-east", "us-west")  # at the primary's own gateway, and forwarded to it
UNKNOWN = '"outcome":"unknown"'
MOST_ATTEMPTS = 3
KEY = {"Idempotency-Key": "k1"}
PLAIN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnobody's"


def close_unanswered(connection, request):
    connection.read_body(request)
    return CLOSE


def close_unread(_connection, _request):
    return CLOSE


def reset(connection, request):
    connection.read_body(request)
    connection.reset()
    return CLOSE


def answers(name, data, then=None):
    """A behaviour: the whole request is read, these bytes are sent, whatever was asked for."""
    def behave(connection, request):
        connection.read_body(request)
        connection.send(data)
        return then
    behave.__name__ = name
    return behave


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
garbage = answers("garbage", b"\0\1\2 this is no answer\r\n\r\n")
two_framings = answers("two framings",
                       OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"2\r\nok\r\n0\r\n\r\n")
half_a_head = answers("half a head", b"HTTP/1.1 201 Created\r\nContent-Le", CLOSE)
endless_head = answers("endless head",
                       b"HTTP/1.1 201 Created\r\n" + b"X-Filler: 0123456789\r\n" * 10_000)
# Which nobody has asked for.
other_protocol = answers("other protocol", b"HTTP/1.1 101 Switching Protocols\r\n"
                                           b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
half_a_body = answers("half a body", OK + b"Content-Length: 100\r\n\r\nhalf of it", CLOSE)
half_the_chunks = answers("half the chunks", CHUNKED + b"4\r\nhalf\r\n40\r\nof", CLOSE)
bad_chunks = answers("bad chunks", CHUNKED + b"zz\r\nhalf\r\n0\r\n\r\n")


def stall(connection, request):
    connection.read_body(request)
    connection.sock.recv(1)  # until the gateway gives up
    return CLOSE


def stall_in_mid_answer(connection, request):
    connection.read_body(request)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
    connection.sock.recv(1)
    return CLOSE


def without_length(connection, request):
    connection.read_body(request)
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + request.name.encode() * 1000)
    return CLOSE


def refuse_early(connection, _request):
    """Answers before the body is read, and reads none of it."""
    connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                    b"large")
    return CLOSE


def answer_early(connection, request):
    """Answers before the body is read, and reads it all the same."""
    connection.answer(200, b"early")
    connection.read_body(request)


def answer_twice(connection, request):
    """A second answer in one piece with the first."""
    connection.read_body(request)
    body = json.dumps({"taken": request.name}).encode()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body +
                    PLAIN_ANSWER)


def answer_unasked(connection, request):
    """A second answer, which comes for itself, while the connection is at rest."""
    good(connection, request)
    connection.send(PLAIN_ANSWER)
    connection.await_delivered()
    with connection.backend.lock:
        connection.backend.counted += 1


class BackendsTest(ClusterTest):
    cluster_class = BackendCluster
    one_cluster = True
    names = itertools.count(1)

    def setUp(self):
        if self.cluster is None:
            described = topology(hold="2s")
            service = described["services"]["orders"]
            service["timeouts"] = {"answer": "1s"}
            service["ejection"] = {"failures": 1000, "for": "1s"}
            self.start_cluster(described)
        for region in self.cluster.backends:
            self.cluster.behave(region, good, good)

    def name(self):
        return f"x{next(self.names)}"

    def ask(self, connection, method, headers=None, body=b"{}"):
        """One request under a name of its own; returns (name, answer)."""
        name = self.name()
        return name, connection.ask(method, f"/orders/{name}",
                                    body if method == "POST" else None, headers)

    def arrived(self, name):
        return sum(self.cluster.arrived("us-east", name))

    def assert_good(self, connection, method="POST"):
        """The next request, whose name is returned, gets an answer, which is its own."""
        name, answer = self.ask(connection, method)
        self.assertEqual(answer.json(), {"taken": name}, answer)
        self.assertEqual(self.arrived(name), 1)
        return name

    def assert_error(self, answer, status, error, unknown):
        self.assertEqual((answer.status, answer.json()["error"]), (status, error), answer)
        self.assertFalse(answer.json()["success"])
        self.assertEqual(UNKNOWN in answer.body.decode().replace(" ", ""), unknown, answer)

    def fails(self, behaviour, status, error):
        """Both backends behave so: what each kind of request is told, and how often it is sent."""
        for way in WAYS:
            with self.subTest(behaviour=behaviour.__name__, way=way):
                connection = self.cluster.http(way, timeout=20)
                self.addCleanup(connection.close)
                for method, headers, most in (("POST", {}, 1), ("POST", KEY, MOST_ATTEMPTS),
                                              ("GET", {}, MOST_ATTEMPTS)):
                    self.cluster.behave("us-east", behaviour, behaviour)
                    self.cluster.behave("us-west", behaviour, behaviour)
                    name, answer = self.ask(connection, method, headers)
                    self.assert_error(answer, status, error, unknown=method == "POST")
                    arrived = self.arrived(name) + sum(self.cluster.arrived("us-west", name))
                    self.assertIn(arrived, range(1, most + 1), (method, headers))
                    self.cluster.behave("us-east", good, good)
                    self.cluster.behave("us-west", good, good)
                    self.assert_good(connection)

    def test_no_answer(self):
        self.fails(close_unanswered, 502, "backend_closed")
        self.fails(close_unread, 502, "backend_closed")
        self.fails(reset, 502, "backend_closed")
        self.fails(half_a_head, 502, "backend_closed")

    def test_an_answer_that_is_none(self):
        self.fails(garbage, 502, "backend_closed")
        self.fails(two_framings, 502, "backend_closed")
        self.fails(endless_head, 502, "backend_closed")
        self.fails(other_protocol, 502, "backend_closed")

    def test_no_answer_in_time(self):
        self.fails(stall, 504, "backend_timeout")

    def test_an_answer_that_breaks_off(self):
        """When part of it is with the client, all that can be done is to end the connection."""
        for behaviour in (half_a_body, half_the_chunks, bad_chunks, stall_in_mid_answer):
            for way in WAYS:
                with self.subTest(behaviour=behaviour.__name__, way=way):
                    self.cluster.behave("us-east", behaviour, behaviour)
                    connection = self.cluster.http(way, timeout=20)
                    self.addCleanup(connection.close)
                    name = self.name()
                    with contextlib.suppress(ConnectionError):
                        answer = connection.ask("POST", f"/orders/{name}", b"{}")
                        # What came of it may not have left the gateway yet.
                        self.assert_error(answer, 502, "backend_closed", unknown=True)
                    self.assertEqual(self.arrived(name), 1)
                    self.cluster.behave("us-east", good, good)
                    self.assert_good(connection)

    def test_one_that_closes_beside_one_that_is_good(self):
        self.cluster.behave("us-east", close_unanswered, good)
        for way in WAYS:
            connection = self.cluster.http(way)
            self.addCleanup(connection.close)
            for _ in range(8):
                name, answer = self.ask(connection, "POST", KEY)
                self.assertEqual(answer.json(), {"taken": name})
                name, answer = self.ask(connection, "POST")
                self.assertEqual(self.arrived(name), 1)
                if answer.status != 201:
                    self.assert_error(answer, 502, "backend_closed", unknown=True)
        self.assertGreater(len(self.cluster.backends["us-east"][0].requests), 8)

    def listen_again(self):
        for backend in self.cluster.backends["us-east"]:
            if backend.listener is None:
                backend.listen()
        await_(lambda: self.cluster.status("us-east")["services"][0]["healthy"] == 2,
               what="both backends are healthy again")

    def test_connections_that_are_refused(self):
        self.addCleanup(self.listen_again)
        first, second = self.cluster.backends["us-east"]
        connections = {way: self.cluster.http(way) for way in WAYS}
        for connection in connections.values():
            self.addCleanup(connection.close)
        first.close()
        for connection in connections.values():
            for _ in range(8):
                self.assert_good(connection)
        second.close()
        # Nothing of the write was sent: the client is told that it may try again.
        name, answer = self.ask(connections["us-east"], "POST")
        self.assert_error(answer, 503, "no_backend", unknown=False)
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(self.arrived(name), 0)

    def unasked(self):
        return sum(backend.counted for backend in self.cluster.backends["us-east"])

    def test_answers_nobody_asked_for(self):
        """The connection that such an answer came over is not used again."""
        for behaviour in (answer_twice, answer_unasked):
            for way in WAYS:
                with self.subTest(behaviour=behaviour.__name__, way=way):
                    self.cluster.behave("us-east", behaviour, behaviour)
                    connection = self.cluster.http(way)
                    self.addCleanup(connection.close)
                    names = set()
                    for _ in range(20):
                        sent = self.unasked()
                        names.add(self.assert_good(connection))
                        if behaviour is answer_unasked:
                            await_(lambda count=sent: self.unasked() > count,
                                   what="another answer is sent", interval=0.001)
                    used = [request.connection for backend in self.cluster.backends["us-east"]
                            for request in backend.requests if request.name in names]
                    self.assertEqual(len(set(used)), 20)

    def test_an_answer_without_a_length(self):
        self.cluster.behave("us-east", without_length, without_length)
        for way in WAYS:
            connection = self.cluster.http(way)
            self.addCleanup(connection.close)
            for _ in range(3):
                name, answer = self.ask(connection, "POST")
                self.assertEqual(answer.body, name.encode() * 1000)

    def begin_large(self, way):
        """A write of 8 MB of which a little is sent: (name, socket, bytes left)."""
        name, size, sent = self.name(), 8_000_000, 100_000
        connection = self.cluster.http(way, timeout=20)
        self.addCleanup(connection.close)
        connection.connect()
        connection.sock.sendall(f"POST /orders/{name} HTTP/1.1\r\nHost: shop\r\nContent-Length: "
                                f"{size}\r\n\r\n".encode() + bytes(sent))
        return name, connection.sock, size - sent

    def read_answer(self, sock, end):
        got = b""
        while end not in got:
            piece = sock.recv(1 << 16)
            self.assertTrue(piece, got)
            got += piece
        return got

    def test_an_answer_before_the_body(self):
        for way in WAYS:
            for behaviour, status, body in ((refuse_early, b"413", b"\r\n\r\nlarge"),
                                            (answer_early, b"200", b"\r\n\r\nearly")):
                with self.subTest(behaviour=behaviour.__name__, way=way):
                    self.cluster.behave("us-east", behaviour, behaviour)
                    name, sock, _ = self.begin_large(way)
                    answer = self.read_answer(sock, body)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), answer)
                    # The rest of the body is not worth sending; nothing else may follow it.
                    self.assertIn(b"connection: close", answer.lower())
                    self.assertEqual(self.arrived(name), 1)
                    self.cluster.behave("us-east", good, good)
                    with contextlib.closing(self.cluster.http(way)) as another:
                        self.assert_good(another)


if __name__ == "__main__":
    unittest.main()
