"""100 MB through the gateways while one end is slow: what is sent arrives, and the gateways keep
little of it."""
import hashlib
import sys
import threading
import unittest

from harness.backends import PIECE_BYTES, BackendCluster
from harness.case import ClusterTest
from harness.memory import forget_peak, peak_kib, resident_kib
from harness.topology import topology
from harness.wait import await_

SIZE = 100_000_000
STEP = 1_000_000
STOPS = 8  # of the slow end, each until the fast one cannot go on
# What a gateway may take for one connection: it stops reading at 256 KiB of what it cannot pass on.
MOST_KIB = 8 * 1024
WAYS = {"us-east": ["us-east/gw1"], "us-west": ["us-east/gw1", "us-west/gw1"]}


def pieces(begin=0, end=SIZE):
    """The bytes of the body from one place to another. No two steps of it are alike."""
    for start in range(begin, end, STEP):
        seed = hashlib.sha256(str(start).encode()).digest()
        yield (seed * (STEP // len(seed) + 1))[:min(STEP, end - start)]


class Transfer:
    """Counts what an end has sent or received, and what it was."""

    def __init__(self):
        self.bytes = 0
        self.hash = hashlib.sha256()

    def add(self, piece):
        self.hash.update(piece)
        self.bytes += len(piece)

    def text(self):
        return f"{self.bytes} {self.hash.hexdigest()}"


class Gate:
    """Where a slow end waits before it goes on; open() lets it through for good."""

    def __init__(self):
        self.passes = threading.Semaphore(0)
        self.opened = False

    def wait(self):
        if not self.opened:
            assert self.passes.acquire(timeout=60), "nobody lets the slow end go on"

    def step(self):
        self.passes.release()

    def open(self):
        self.opened = True
        self.passes.release()


class SlowTest(ClusterTest):
    cluster_class = BackendCluster

    def setUp(self):
        self.start_cluster(topology(hold="2s"))
        self.sent = self.received = None

    def stuck(self):
        """Waits until the sender cannot send any more."""
        seen = [-1]

        def unchanged():
            before, seen[0] = seen[0], self.sent.bytes
            return before == seen[0]
        await_(unchanged, 30, "the fast end is held up", interval=0.2)

    def through(self, way, backend, client, steps):
        """Runs `client` in a thread against a backend that does `backend`; `steps(gate)` leads the
        slow end. Returns when all has arrived."""
        self.sent, self.received = Transfer(), Transfer()
        self.gate = Gate()
        self.cluster.behave("us-east", backend, backend)
        pids = {name: self.cluster[name].pid for name in WAYS[way]}
        before = {name: resident_kib(pid) for name, pid in pids.items()}
        for pid in pids.values():
            forget_peak(pid)
        failures = []

        def run():
            try:
                client(way)
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        steps(self.gate)
        self.gate.open()
        thread.join(120)
        self.assertFalse(thread.is_alive(), f"{self.sent.text()}, {self.received.text()}")
        self.assertEqual([], failures)
        self.assertEqual(self.received.bytes, SIZE)
        self.assertEqual(self.received.text(), self.sent.text())
        for name, pid in pids.items():
            grown = peak_kib(pid) - before[name]
            print(f"a slow {self.slow} through {way}: {name} took {grown} KiB at most",
                  file=sys.stderr)
            self.assertLess(grown, MOST_KIB, name)

    # A body goes down from the backend to the client, or up.

    def send_down(self, connection, request):
        connection.read_body(request)
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        for piece in pieces():
            self.before_send()
            connection.send(piece)
            self.sent.add(piece)

    def receive_down(self, way):
        connection = self.cluster.http(way, timeout=60)
        try:
            connection.request("POST", "/orders/body", b"{}")  # a write, so that it is forwarded
            answer = connection.getresponse()
            while piece := answer.read1(PIECE_BYTES):
                self.received.add(piece)
                self.after_receipt()
        finally:
            connection.close()

    def receive_up(self, connection, request):
        for piece in connection.body_pieces(request):
            self.received.add(piece)
            self.after_receipt()
        connection.answer(201, self.received.text().encode())

    def send_up(self, way):
        def body():
            for piece in pieces():
                self.before_send()
                yield piece
                self.sent.add(piece)
        connection = self.cluster.http(way, timeout=60)
        try:
            answer = connection.ask("POST", "/orders/body", body(), {"Content-Length": str(SIZE)})
            self.assertEqual((answer.status, answer.body.decode()), (201, self.sent.text()))
        finally:
            connection.close()

    def before_send(self):
        if self.slow == "sender":
            self.gate.wait()

    def after_receipt(self):
        if self.slow == "receiver":
            self.gate.wait()

    def slow_receiver(self, gate):
        """Takes a little each time the sender is stuck, then everything."""
        for _ in range(STOPS):
            self.stuck()
            self.assertLess(self.sent.bytes, SIZE)
            for _ in range(4):
                gate.step()

    def slow_sender(self, gate):
        """Sends each piece when the one before has arrived."""
        for count in range(STOPS * 4):
            gate.step()
            await_(lambda count=count: self.received.bytes >= (count + 1) * STEP, 30,
                   "the piece arrives", interval=0.001)

    def both_ways(self, slow, backend, client, steps):
        self.slow = slow
        for way in WAYS:
            with self.subTest(way=way):
                self.through(way, backend, client, steps)

    def test_a_client_that_reads_slowly(self):
        self.both_ways("receiver", self.send_down, self.receive_down, self.slow_receiver)

    def test_a_backend_that_reads_slowly(self):
        self.both_ways("receiver", self.receive_up, self.send_up, self.slow_receiver)

    def test_a_client_that_writes_slowly(self):
        self.both_ways("sender", self.receive_up, self.send_up, self.slow_sender)

    def test_a_backend_that_writes_slowly(self):
        self.both_ways("sender", self.send_down, self.receive_down, self.slow_sender)


if __name__ == "__main__":
    unittest.main()
