"""The primary's region is cut off, wholly, one way, or from one region only."""
import time
import unittest

from harness.case import ClusterTest
from harness.topology import topology
from harness.wait import await_, holds_for

# Long enough for several leases and elections.
STABLE_SECONDS = 6


class PartitionTest(ClusterTest):
    def start_with_writers(self, hold="1s"):
        cluster = self.start_cluster(topology(hold=hold))
        self.writers = {place: cluster.writer(place) for place in cluster.regions}
        for writer in self.writers.values():
            await_(lambda writer=writer: len(writer.acknowledged()) >= 10, what="writers are going")
        return cluster

    def await_new_primary(self, cluster, cut_ns):
        """Waits until the clients of both remaining regions reach the new primary; its name."""
        new = cluster.await_successor("us-east")
        for place in ("us-west", "eu"):
            await_(lambda place=place: self.writers[place].acknowledged_after(cut_ns, new),
                   what=f"a client in {place} writes to the new primary")
        return new

    def test_the_cut_off_primary_stops_before_another_starts(self):
        cluster = self.start_with_writers()
        old_epoch = cluster.status("us-east")["epoch"]
        pid = cluster["us-east/gw1"].pid
        cluster.network.isolate("us-east")
        cut_ns = time.monotonic_ns()
        new = self.await_new_primary(cluster, cut_ns)
        new_epoch = cluster.status(new)["epoch"]
        self.assertGreater(new_epoch, old_epoch)
        self.switch_epochs("us-east", new)

        self.assert_minority(cluster, "us-east")
        cluster.network.heal()
        self.assertEqual(cluster.await_followed(), (new, new_epoch))
        cluster.await_writable("us-east", expect=new)
        # Until the nodes have told that there is a quorum again, reads count as stale.
        await_(lambda: cluster.ask("us-east", "GET", "/orders").headers["Regent-Stale"] is None,
               what="reads in us-east are fresh again")
        self.assertEqual(cluster["us-east/gw1"].pid, pid)
        self.assertTrue(cluster["us-east/gw1"].alive())

    def assert_minority(self, cluster, place):
        """503 no_primary for writes after the hold, stale reads, and health checks that say so."""
        began = time.monotonic()
        refused = cluster.ask(place, "POST", "/orders", {"id": "in-the-minority"})
        self.assertEqual(refused.status, 503, refused)
        self.assertGreater(time.monotonic() - began, 0.9, "the request did not wait for a primary")
        self.assertTrue(refused.headers["Retry-After"].isdigit())
        body = refused.json()
        self.assertIs(body["success"], False)
        self.assertEqual(body["error"], "no_primary")
        self.assertTrue(body["message"])
        self.assertIsInstance(body["epoch"], int)
        self.assertIsInstance(body["status"], dict)
        read = cluster.ask(place, "GET", "/orders")
        self.assertEqual(read.status, 200, read)
        self.assertEqual(read.headers["Regent-Stale"], "true")
        self.assertEqual(read.json()["region"], place)
        for path in ("/primary", "/quorum"):
            self.assertEqual(cluster.admin(place, path).status, 503, path)
        route = cluster.admin(place, "/v1/route")
        self.assertEqual((route.status, route.json()["primary"]), (503, None))
        self.assertEqual(cluster.status(place)["role"], "isolated")

    def test_requests_elsewhere_wait_for_the_new_primary(self):
        cluster = self.start_with_writers(hold="8s")
        cluster.network.isolate("us-east")
        cut_ns = time.monotonic_ns()
        self.await_new_primary(cluster, cut_ns)
        cluster.stop_writers()
        for place in ("us-west", "eu"):
            # What was on its way to the old primary may have been taken: nobody can know.
            for attempt in self.writers[place].failed():
                self.assertLess(attempt.start_ns, cut_ns + 1_500_000_000, attempt)
                self.assertIn('"outcome":"unknown"', (attempt.error or "").replace(" ", ""))

    def one_way(self, source, target):
        cluster = self.start_with_writers()
        for other in ("us-west", "eu"):
            pair = {"primary": "us-east", "others": other}
            cluster.network.cut_one_way(pair[source], pair[target])
        cut_ns = time.monotonic_ns()
        new = self.await_new_primary(cluster, cut_ns)
        view = (new, cluster.status(new)["epoch"])
        for place in ("us-west", "eu"):
            links = {link["region"]: link["state"] for link in cluster.status(place)["links"]}
            self.assertIn(links["us-east"], ("one-way", "down"))

        def unchanged():
            shown = [cluster.status(place) for place in ("us-west", "eu")]
            return all((status["primary"], status["epoch"]) == view for status in shown) and \
                not cluster.is_primary("us-east")
        holds_for(unchanged, STABLE_SECONDS, f"{new} stays primary in its epoch")
        cluster.network.heal()
        self.assertEqual(cluster.await_followed(), view)
        cluster.await_writable("us-east", expect=new)

    def test_a_primary_that_is_not_heard_is_replaced_once(self):
        self.one_way("primary", "others")

    def test_a_primary_that_does_not_hear_is_replaced_once(self):
        self.one_way("others", "primary")

    def test_a_bridge_keeps_the_primary(self):
        cluster = self.start_with_writers()
        epoch = cluster.status("us-east")["epoch"]
        for one, other in (("us-east", "eu"), ("us-east", "us-west"), ("us-west", "eu")):
            with self.subTest(cut=f"{one} and {other}"):
                cluster.network.cut(one, other)
                cut_ns = time.monotonic_ns()
                holds_for(lambda: cluster.primaries() == ["us-east"] and
                          all(cluster.status(place)["epoch"] == epoch for place in cluster.regions),
                          STABLE_SECONDS, f"us-east stays primary in epoch {epoch}")
                cluster.await_writable("us-east", expect="us-east")
                self.assertTrue(self.writers["us-east"].acknowledged_after(cut_ns))
                cluster.network.heal()
                for place in cluster.regions:
                    cluster.await_writable(place, expect="us-east")
        self.assertFalse(self.writers["us-east"].failed())


if __name__ == "__main__":
    unittest.main()
