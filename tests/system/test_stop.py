"""A gateway that is told to end: others go on at once, and no request of theirs fails."""
import signal
import time
import unittest

from harness.case import ClusterTest
from harness.cluster import LEASE_NS
from harness.topology import region, topology
from harness.wait import await_


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


if __name__ == "__main__":
    unittest.main()
