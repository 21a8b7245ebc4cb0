"""HTTP/2 for clients: errors get the code that RFC 9113 asks for, and usual clients are served,
also while the primary changes."""
import json
import re
import socket
import ssl
import subprocess
import tempfile
import unittest

from harness import http2, http2_cases, proxies
from harness.case import ClusterTest
from harness.certificates import self_signed
from harness.cluster import Cluster
from harness.topology import topology
from harness.wait import await_

SECURED_PORT = 8443
ORDER = "the same one"


class Regent(proxies.Regent):
    """One region, with TLS for its clients."""

    def topology(self):
        described = super().topology()
        described["services"]["orders"]["tls"] = self_signed(f"{self.work}/service", "shop")
        return described

    def _answers(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log()}")
        connection = self.connect()
        try:
            return connection.ask(1, method="POST") == ("answer", 200)
        finally:
            connection.close()

    def connect(self, greet=True):
        return http2.Connection(socket.create_connection(self.address, timeout=20), greet)


class Http2ErrorsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.regent = Regent()
        cls.addClassCleanup(cls.regent.close)

    def converse(self, frames):
        connection = self.regent.connect()
        self.addCleanup(connection.close)
        connection.send(frames)
        return connection

    def test_errors_of_the_connection_end_it(self):
        self.regent.recorder.begin(answer=b"")
        for clause, name, frames, expected in http2_cases.CONNECTION_ERRORS:
            with self.subTest(name, clause=clause):
                connection = self.converse(frames)
                connection.read_until(lambda: False)
                self.assertEqual(("goaway", connection.goaway), expected)
                self.assertTrue(connection.ended)

    def check_streams(self, cases):
        for clause, name, frames, expected in cases:
            with self.subTest(name, clause=clause):
                connection = self.converse(frames)
                connection.read_until(lambda: 1 in connection.outcomes)
                self.assertEqual(connection.outcomes.get(1), expected)
                # Only the stream is over, and the next one means what it says.
                self.assertEqual(connection.ask(3), ("answer", 200))
                self.assertIsNone(connection.goaway)

    def test_malformed_requests_are_reset(self):
        # What is reset for what follows its head would be answered before, else.
        self.regent.recorder.begin(answer=b"")
        self.check_streams(http2_cases.MALFORMED)

    def test_what_is_no_error_is_answered(self):
        self.check_streams(http2_cases.ANSWERED)

    def test_nothing_malformed_reaches_the_backend(self):
        self.regent.recorder.begin()
        malformed = [case for case in http2_cases.MALFORMED if case[0].startswith(("8.2", "8.3"))]
        for _, _, frames, _ in malformed:
            connection = self.converse(frames)
            connection.read_until(lambda connection=connection: 1 in connection.outcomes)
        record = self.regent.recorder.take()
        self.assertEqual([], [request for request in record.requests
                              if request.target != b"/health"])
        self.assertEqual((record.broken, record.rest), ([], b""))

    def test_what_is_no_preface_ends_the_connection(self):
        for first in (b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n", http2.PREFACE[:-1] + b"x",
                      http2.PREFACE + http2.frame(http2.PING, 0, 0, b"12345678")):
            with self.subTest(first):
                connection = self.regent.connect(greet=False)
                self.addCleanup(connection.close)
                connection.send(first)
                connection.read_until(lambda: False)
                self.assertEqual(connection.goaway, http2.PROTOCOL_ERROR)

    def test_there_are_enough(self):
        cases = http2_cases.CONNECTION_ERRORS + http2_cases.MALFORMED + http2_cases.ANSWERED
        self.assertGreaterEqual(len(cases), 40)
        self.assertEqual(len({name for _, name, _, _ in cases}), len(cases), "a name is used twice")

    def test_clients_choose_their_protocol(self):
        for offered, agreed in ((["http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2")):
            context = http2.context()
            context.set_alpn_protocols(offered)
            with context.wrap_socket(socket.create_connection(self.regent.address, 20)) as sock:
                self.assertEqual(sock.selected_alpn_protocol(), agreed)
        context.set_alpn_protocols(["imap"])
        with self.assertRaises(ssl.SSLError):
            context.wrap_socket(socket.create_connection(self.regent.address, 20))

    def test_usual_clients(self):
        host, port = self.regent.address
        url = f"https://{host}:{port}/ready"
        asked = subprocess.run(["curl", "-sk", "--http2", "-d", "x", "-w", "%{http_version} "
                                "%{http_code}", url], capture_output=True, text=True, timeout=60)
        self.assertEqual(asked.stdout, "here\n2 200")
        asked = subprocess.run(["nghttp", "-ns", url], capture_output=True, text=True, timeout=60)
        self.assertRegex(asked.stdout, r"200 +5 +/ready")


class KeyedCluster(Cluster):
    """All of its loads send one order again and again, with an Idempotency-Key."""

    def records(self):
        return [{**record, "key": record["id"] == ORDER} for record in super().records()]


class Http2SwitchoverTest(ClusterTest):
    cluster_class = KeyedCluster

    def start_secured(self):
        folder = tempfile.mkdtemp(prefix="regent-http2-")
        self.addCleanup(subprocess.run, ["rm", "-r", folder], check=True)
        described = topology(hold="5s")
        described["services"]["secured"] = {
            **described["services"]["orders"], "port": SECURED_PORT,
            "tls": self_signed(f"{folder}/service", "shop")}
        return self.start_cluster(described)

    def load(self, cluster, region, *options):
        namespace = cluster.network.namespace(region)
        url = f"https://{cluster.gateway_address(region)}:{SECURED_PORT}/orders?limit=0"
        return subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", "h2load", "-D", "8", "-c", "3", "-m", "5",
             *options, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_no_request_fails_while_the_primary_changes(self):
        cluster = self.start_secured()
        order = f"{cluster.work}/order.json"
        with open(order, "w", encoding="ascii") as file:
            json.dump({"id": ORDER}, file)
        post = ("-d", order, "-H", f"idempotency-key: {ORDER}")
        loads = [self.load(cluster, region, *post) for region in cluster.regions]
        loads.append(self.load(cluster, "eu"))
        for target in ("eu", "us-west", "us-east"):
            await_(lambda: len(cluster.records()) > 0, what="orders arrive")
            cluster.client("switchover", "--to", target, region=target)
            self.assertEqual(cluster.await_followed()[0], target)
        for process in loads:
            shown = process.communicate(timeout=60)[0]
            counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
                               r"(\d+) timeout", shown)
            self.assertIsNotNone(counts, shown)
            done, succeeded, failed, errored, timed_out = map(int, counts.groups())
            self.assertGreater(done, 20, shown)
            self.assertEqual((succeeded, failed, errored, timed_out), (done, 0, 0, 0), shown)
            self.assertRegex(shown, r"status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx")


if __name__ == "__main__":
    unittest.main()
