"""A gateway that is told to end: others go on at once, and no request of theirs fails."""
import errno
import json
import signal
import tempfile
import time
import unittest

from harness import http2, ledger
from harness.case import ClusterTest
from harness.certificates import self_signed
from harness.cluster import LEASE_NS
from harness.topology import region, topology
from harness.wait import await_

SECURED_PORT = 8443


class StopTest(ClusterTest):
    def start_loaded(self, described, writers):
        cluster = self.start_cluster(described)
        self.writers = [cluster.writer(*place, interval=0.002) for place in writers]
        for writer in self.writers:
            await_(lambda writer=writer: len(writer.acknowledged()) >= 10, what="writers are going")
        return cluster

    def await_progress(self):
        counts = {writer.name: len(writer.acknowledged()) for writer in self.writers}
        for writer in self.writers:
            await_(lambda writer=writer: len(writer.acknowledged()) > counts[writer.name] + 10,
                   what="the writers go on")

    def assert_none_failed(self, cluster):
        cluster.stop_writers()
        for writer in self.writers:
            self.assertEqual(writer.failed(), [])

    def test_the_only_gateway_of_the_primary(self):
        cluster = self.start_loaded(topology(hold="5s"), [("us-west",), ("eu",)] * 2)
        epoch = cluster.status("eu")["epoch"]
        began = time.monotonic_ns()
        self.assertEqual(cluster["us-east/gw1"].stop(), 0)
        cluster.await_primary("us-west")
        self.await_progress()
        self.assert_none_failed(cluster)
        self.assertEqual(cluster.status("eu")["epoch"], epoch + 1)
        # The region that took over did not have to wait for a lease to run out.
        first = min(record["time_ns"] for record in cluster.records()
                    if record["region"] == "us-west" and record["epoch"] == epoch + 1)
        self.assertLess(first - began, LEASE_NS)
        log = cluster["us-east/gw1"].log()
        self.assertIn("handed over to us-west", log)

    def test_one_of_two_gateways_of_the_primary(self):
        cluster = self.start_loaded(
            topology({"us-east": region(1, gateways=2), "us-west": region(2), "eu": region(3)},
                     hold="5s"),
            [("us-west",), ("eu",), ("us-east", "gw2")])
        await_(lambda: cluster.is_primary("us-east", "gw2"), what="both serve")
        epoch = cluster.status("eu")["epoch"]
        self.assertEqual(cluster["us-east/gw1"].stop(), 0)
        self.await_progress()
        self.assert_none_failed(cluster)
        self.assertTrue(cluster.is_primary("us-east", "gw2"))
        self.assertEqual(cluster.status("eu")["epoch"], epoch)
        self.assertEqual({record["region"] for record in cluster.records()}, {"us-east"})

    def test_all_at_once_end_soon(self):
        cluster = self.start_cluster()
        names = cluster.names("gw")
        for name in names:
            cluster[name].signal(signal.SIGTERM)
        for name in names:
            self.assertEqual(cluster[name].child.wait(10), 0, cluster[name].log()[-2000:])

    def test_shows_that_it_drains_and_ends_at_once_when_told_again(self):
        described = topology()
        described["traffic"] = {"stop_limit": "60s"}
        cluster = self.start_cluster(described)
        gateway = cluster["eu/gw1"]
        # A request whose body does not come keeps it from ending.
        connection = cluster.http("eu", timeout=60)
        connection.connect()
        self.addCleanup(connection.close)
        connection.sock.sendall(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        gateway.signal(signal.SIGTERM)
        await_(lambda: cluster.status("eu")["role"] == "draining", what="it says that it drains")
        ready = cluster.admin("eu", "/readyz?verbose")
        self.assertEqual(ready.status, 503, ready)
        self.assertIn(b"stopping", ready.body)
        await_(lambda: "takes no more connections" in gateway.log(), what="it stops accepting")
        self.assertTrue(gateway.alive())
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.child.wait(10), -signal.SIGTERM)

    def test_what_is_under_way_finishes_or_is_cut_at_the_limit(self):
        folder = tempfile.TemporaryDirectory(prefix="regent-stop-")
        self.addCleanup(folder.cleanup)
        described = topology()
        described["traffic"] = {"stop_limit": "5s"}
        described["services"]["secured"] = {
            **described["services"]["orders"], "port": SECURED_PORT,
            "tls": self_signed(f"{folder.name}/service", "shop")}
        addresses = ledger.describe(described)
        cluster = self.make_cluster(described)
        for place, address in addresses.items():
            cluster.network.add_address(place, address)
            self.addCleanup(ledger.LedgerBackend(cluster.network, place, address).close)
        cluster.start()
        primary = cluster.await_followed()[0]
        where = next(place for place in cluster.regions if place != primary)
        gateway = cluster[f"{where}/gw1"]
        order = json.dumps({"id": "under way"}).encode()

        def connect(port):
            sock = cluster.network.socket(where)
            self.addCleanup(sock.close)
            sock.settimeout(30)
            sock.connect((cluster.gateway_address(where), port))
            return sock
        # A tcp client, and the first half of a request of HTTP/1 and of one of HTTP/2.
        tcp = await_(lambda: self.ledger_connection(connect), what="the tcp service answers")
        first = connect(8080)
        first.sendall(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" %
                      len(order) + order[:5])
        second = http2.Connection(connect(SECURED_PORT), patience=30)
        self.addCleanup(second.close)
        second.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 1,
                                http2.request(method="POST", path="/orders")) +
                    http2.frame(http2.DATA, 0, 1, order[:5]))
        second.read_until(lambda: second.greeted)
        gateway.signal(signal.SIGTERM)

        def refuses():
            with cluster.network.socket(where) as sock:
                return sock.connect_ex((cluster.gateway_address(where), 8080)) == errno.ECONNREFUSED
        await_(refuses, what="it stops accepting")
        first.sendall(order[5:])
        second.send(http2.frame(http2.DATA, http2.END_STREAM, 1, order[5:]))
        answer = first.makefile("rb").read()
        self.assertIn(answer.split(b"\r\n")[0], (b"HTTP/1.1 201 Created", b"HTTP/1.1 200 OK"))
        self.assertIn(b"Connection: close", answer)
        second.read_until(lambda: False)
        self.assertEqual(second.outcomes[1][0], "answer")
        self.assertIn(second.outcomes[1][1], (200, 201))
        self.assertEqual(second.goaway, http2.NO_ERROR)
        for port in (8080, SECURED_PORT, ledger.PORT):
            with self.assertRaises(OSError):
                connect(port)
        # Nobody knows when a tcp client is done: it goes on until the limit.
        self.assertTrue(gateway.alive())
        tcp.sendall(b"still here\n")
        self.assertTrue(tcp.recv(100).endswith(b"still here\n"))
        with self.assertRaises(ConnectionResetError):
            tcp.recv(100)
        self.assertEqual(gateway.child.wait(10), 0, gateway.log()[-2000:])

    @staticmethod
    def ledger_connection(connect):
        """A connection to the tcp service that has been answered once."""
        sock = connect(ledger.PORT)
        sock.sendall(b"hello\n")
        return sock if sock.recv(100).endswith(b"hello\n") else None


if __name__ == "__main__":
    unittest.main()
