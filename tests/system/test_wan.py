"""Regions 65, 80 and 140 ms apart, with jitter: the default timing holds over real distances."""
import json
import time
import unittest

from harness.case import ClusterTest
from harness.cluster import LEASE_NS
from harness.topology import topology
from harness.wait import await_, holds_for
from harness.wan import Shape, WanNetwork

# Long enough for several leases and elections.
STABLE_SECONDS = 6
UNKNOWN = '"outcome":"unknown"'


class WanTest(ClusterTest):
    network = WanNetwork

    def start_with_writers(self):
        cluster = self.start_cluster(topology(hold="8s"))
        self.writers = {place: cluster.writer(place) for place in cluster.regions}
        self.await_progress()
        return cluster

    def await_progress(self, count=10):
        """Every writer gets `count` more writes acknowledged."""
        for writer in self.writers.values():
            enough = len(writer.acknowledged()) + count
            await_(lambda writer=writer, enough=enough: len(writer.acknowledged()) >= enough,
                   what=f"{writer.name} goes on")

    def await_new_primary(self, cluster, cut_ns):
        new = cluster.await_successor("us-east")
        for place in ("us-west", "eu"):
            await_(lambda place=place: self.writers[place].acknowledged_after(cut_ns, new),
                   what=f"a client in {place} writes to {new}")
        self.switch_epochs("us-east", new)
        return new

    def assert_failed_only_in_flight(self, cut_ns, places):
        """What was on its way to the old primary may have been taken; everything else waited."""
        for place in places:
            for attempt in self.writers[place].failed():
                self.assertLess(attempt.start_ns, cut_ns + LEASE_NS, attempt)
                self.assertIn(UNKNOWN, (attempt.error or "").replace(" ", ""))

    def test_the_delay_is_there_and_the_links_know_it(self):
        cluster = self.start_with_writers()
        round_trips = {link["region"]: link for link in cluster.status("us-west")["links"]}
        self.assertGreaterEqual(round_trips["us-east"]["rtt_ms"], 65)
        self.assertGreaterEqual(round_trips["eu"]["rtt_ms"], 140)
        timing = json.loads(cluster.regent(
            "topology", "check", cluster.topology_path, "--measured", "--certs", cluster.certs,
            "--json", region="eu"))["timing"]
        self.assertGreaterEqual(timing["longest_round_trip_ms"], 140)
        self.assertLess(timing["longest_round_trip_ms"], 280)
        for place, least in (("us-west", 65), ("eu", 80)):
            taken = [attempt for attempt in self.writers[place].acknowledged()
                     if attempt.region == "us-east"]
            self.assertTrue(taken)
            for attempt in taken:
                self.assertGreaterEqual((attempt.end_ns - attempt.start_ns) / 1e6, least, attempt)
        epoch = cluster.status("us-east")["epoch"]
        holds_for(lambda: cluster.is_primary("us-east"), STABLE_SECONDS, "us-east keeps its lease")
        self.assertEqual(cluster.status("eu")["epoch"], epoch)
        cluster.stop_writers()
        for writer in self.writers.values():
            self.assertEqual(writer.failed(), [])

    def test_failover_of_a_primary_that_is_cut_off(self):
        cluster = self.start_with_writers()
        epoch = cluster.status("us-east")["epoch"]
        cluster.network.isolate("us-east")
        cut_ns = time.monotonic_ns()
        new = self.await_new_primary(cluster, cut_ns)
        self.assertGreater(cluster.status(new)["epoch"], epoch)
        await_(lambda: cluster.status("us-east")["role"] == "isolated", what="us-east gives up")
        cluster.network.heal()
        self.assertEqual(cluster.await_followed()[0], new)
        cluster.await_writable("us-east", expect=new)
        cluster.stop_writers()
        self.assert_failed_only_in_flight(cut_ns, ("us-west", "eu"))

    def test_failover_when_the_gateway_is_killed(self):
        cluster = self.start_with_writers()
        cluster["us-east/gw1"].kill()
        new = self.await_new_primary(cluster, time.monotonic_ns())
        cluster["us-east/gw1"].start()
        cluster.await_writable("us-east", expect=new)

    def test_switchover_fails_no_request(self):
        cluster = self.start_with_writers()
        for target, via in (("eu", "us-east"), ("us-west", "us-east"), ("us-east", "us-west")):
            cluster.client("switchover", "--to", target, region=via)
            primary, epoch = cluster.await_followed()
            self.assertEqual(primary, target)
            self.await_progress()
            self.assertEqual({target}, {record["region"] for record in cluster.records()
                                        if record["epoch"] == epoch})
        cluster.stop_writers()
        for writer in self.writers.values():
            self.assertEqual(writer.failed(), [])

    def one_way(self, source, target):
        cluster = self.start_with_writers()
        for other in ("us-west", "eu"):
            pair = {"primary": "us-east", "others": other}
            cluster.network.cut_one_way(pair[source], pair[target])
        new = self.await_new_primary(cluster, time.monotonic_ns())
        view = (new, cluster.status(new)["epoch"])

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

    def keeps_its_primary(self, shape):
        """A link may look dead for a moment while TCP repeats what was lost. Writes on their way
        over it are then answered as unknown; the lease does not depend on links."""
        cluster = self.start_with_writers()
        view = ("us-east", cluster.status("us-east")["epoch"])
        cluster.network.shape(shape)
        before = cluster.network.figures()["lost"]
        holds_for(lambda: cluster.is_primary("us-east"), 2 * STABLE_SECONDS,
                  f"us-east keeps its lease over {shape}")
        self.assertEqual(cluster.await_followed(), view)
        self.await_progress(3)
        cluster.network.shape()
        self.assertGreater(cluster.network.figures()["lost"], before)
        self.await_progress()
        cluster.stop_writers()
        self.assertEqual(self.writers["us-east"].failed(), [])
        for place in ("us-west", "eu"):
            failed = self.writers[place].failed()
            self.assertLess(len(failed), len(self.writers[place].acknowledged()) / 10)
            for attempt in failed:
                self.assertIn(UNKNOWN, (attempt.error or "").replace(" ", ""))

    def test_two_of_a_hundred_packets_lost(self):
        self.keeps_its_primary(Shape(loss=0.02))

    def test_five_of_a_hundred_packets_lost_and_much_jitter(self):
        self.keeps_its_primary(Shape(loss=0.05, jitter_ms=40))

    def test_packets_that_overtake_each_other(self):
        self.keeps_its_primary(Shape(loss=0.01, jitter_ms=30, reorder=0.2))


if __name__ == "__main__":
    unittest.main()
