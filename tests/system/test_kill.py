"""kill -9 of a gateway, of nodes, of everything at once; and a primary that is only paused."""
import signal
import time
import unittest

from harness.case import ClusterTest
from harness.topology import region, topology
from harness.wait import await_, holds_for


class KillTest(ClusterTest):
    def test_the_only_gateway_of_the_primary(self):
        cluster = self.start_cluster()
        epoch = cluster.status("us-east")["epoch"]
        for place in cluster.regions:
            cluster.writer(place)
        cluster["us-east/gw1"].kill()
        new = cluster.await_successor("us-east")
        for place in ("us-west", "eu"):
            cluster.await_writable(place, expect=new)
        self.assertGreater(cluster.status(new)["epoch"], epoch)
        self.switch_epochs("us-east", new)
        cluster["us-east/gw1"].start()
        self.assertEqual(cluster.await_followed()[0], new)
        cluster.await_writable("us-east", expect=new)

    def test_a_gateway_that_returns_within_the_lease_costs_no_epoch(self):
        cluster = self.start_cluster()
        epoch = cluster.status("us-east")["epoch"]
        cluster["us-east/gw1"].restart()
        cluster.await_writable("eu", expect="us-east")
        self.assertEqual(cluster.status("eu")["epoch"], epoch)

    def test_one_of_two_gateways_of_the_primary(self):
        cluster = self.start_cluster(topology(
            {"us-east": region(1, gateways=2), "us-west": region(2), "eu": region(3)}))
        both = ("gw1", "gw2")
        self.await_both(cluster, both)
        epoch = cluster.status("us-east")["epoch"]
        for victim, other in (both, both[::-1]):
            with self.subTest(victim=victim):
                writer = cluster.writer("us-east", other)
                await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
                cluster[f"us-east/{victim}"].kill()
                holds_for(lambda: cluster.is_primary("us-east", other), 4,
                          f"{other} holds the lease")
                writer.stop()
                self.assertEqual(writer.failed(), [])
                self.assertEqual(cluster.status("us-east", other)["epoch"], epoch)
                for place in ("us-west", "eu"):
                    cluster.await_writable(place, expect="us-east")
                    self.assertEqual(cluster.status(place)["epoch"], epoch)
                cluster[f"us-east/{victim}"].start()
                self.await_both(cluster, both)
        self.assertEqual(cluster.status("us-east")["epoch"], epoch)

    def await_both(self, cluster, gateways):
        """Both gateways serve in the one epoch."""
        for gateway in gateways:
            await_(lambda gateway=gateway: cluster.is_primary("us-east", gateway),
                   what=f"{gateway} serves, too")

    def test_a_minority_of_the_nodes(self):
        cluster = self.start_cluster()
        epoch = cluster.status("us-east")["epoch"]
        writer = cluster.writer("us-west")
        await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
        # One node of each region, and with one more a whole region of three.
        for name in ("us-east/n1", "us-west/n2", "eu/n3", "eu/n1"):
            cluster[name].kill()
        holds_for(lambda: cluster.is_primary("us-east"), 4, "us-east keeps its lease")
        writer.stop()
        self.assertEqual(writer.failed(), [])
        self.assertEqual(cluster.status("us-west")["epoch"], epoch)
        quorum = cluster.status("us-east")["quorum"]
        self.assertEqual((quorum["outcome"], quorum["weight"], quorum["needed"]), ("won", 2, 2))

    def test_a_majority_of_the_nodes_stops_everything_until_they_return(self):
        cluster = self.start_cluster()
        epoch = cluster.status("us-east")["epoch"]
        victims = ("us-west/n1", "us-west/n2", "eu/n1", "eu/n2")
        for name in victims:
            cluster[name].kill()
        await_(lambda: cluster.primaries() == [], what="nobody holds a lease")
        self.assertEqual(cluster.ask("us-east", "POST", "/orders", {"id": "nobody"}).status, 503)
        for name in victims:
            cluster[name].start()
        cluster.await_primary()
        self.assertGreaterEqual(cluster.await_followed()[1], epoch)

    def test_every_process_at_once(self):
        cluster = self.start_cluster()
        writers = [cluster.writer(place) for place in cluster.regions]
        for writer in writers:
            await_(lambda writer=writer: len(writer.acknowledged()) >= 10, what="writers are going")
        epoch = cluster.status("us-east")["epoch"]
        self.kill_everything(cluster)
        cluster.start()
        cluster.await_primary()
        epoch_after = cluster.await_followed()[1]
        self.assertGreaterEqual(epoch_after, epoch)
        cluster.await_writable("eu")

        # Once more, and the region that was primary stays away.
        primary = cluster.await_followed()[0]
        self.kill_everything(cluster)
        cluster.start([name for name in cluster.start_order()
                       if not name.startswith(f"{primary}/")])
        others = [place for place in cluster.regions if place != primary]
        successor = cluster.await_primary(among=others)
        cluster.await_writable(successor, expect=successor)
        # The epoch of the other region has been used; a new one was needed.
        self.assertGreater(cluster.status(successor)["epoch"], epoch_after)
        cluster.start(cluster.names(region=primary))
        self.assertEqual(cluster.await_followed()[0], successor)

    def kill_everything(self, cluster):
        for process in cluster.processes.values():
            process.signal(signal.SIGKILL)
        for process in cluster.processes.values():
            process.kill()

    def test_a_paused_primary_does_not_serve_when_it_wakes(self):
        cluster = self.start_cluster()
        writer = cluster.writer("us-east")
        await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
        cluster["us-east/gw1"].pause()
        new = cluster.await_successor("us-east")
        cluster["us-east/gw1"].resume()
        woken_ns = time.monotonic_ns()
        await_(lambda: writer.acknowledged_after(woken_ns, new), what=f"us-east follows {new}")
        self.switch_epochs("us-east", new)


if __name__ == "__main__":
    unittest.main()
