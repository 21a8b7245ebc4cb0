"""Changes of primary under 2,000 writes a second from clients in all regions, as clients see them.

tests/bench/switchover.py measures the same for longer. Times are printed, not judged: the machine
may be busy with other things.
"""
import time
import types
import unittest

from harness.case import ClusterTest
from harness.load import (LoadCluster, failover_table, gap_table, held, outcome_table, say, switch,
                          why_failed)
from harness.topology import region, topology
from harness.wan import WanNetwork

RATE = 2000
WIDE_RATE = 600
SURVIVORS = ("us-west", "eu")
ROUND = ("us-west", "eu", "us-east")  # from us-east, each region once


class LoadTest(ClusterTest):
    cluster_class = LoadCluster

    def start_loaded(self, described=None, **options):
        """A cluster under load whose primary is us-east."""
        cluster = self.start_cluster(described or topology(hold="5s"))
        load = cluster.load(**{"rate": RATE, **options})
        cluster.await_taken("us-east", load, 200)
        return cluster, load

    def finish(self, cluster, load, changes=()):
        load.stop()
        say([*gap_table(changes, load), *outcome_table(load)])
        cluster.check_promise()
        self.assert_refused_were_not_taken(cluster, load)

    def assert_refused_were_not_taken(self, cluster, load):
        taken = {record["id"] for record in cluster.records()}
        for write in load.failed():
            if write.outcome in ("refused", "unreachable", "not_sent"):
                self.assertNotIn(write.id, taken, write)

    def assert_epochs(self, load, regions):
        """Clients saw the regions reign in this order, each under an epoch of its own."""
        shown = [(epoch["epoch"], epoch["region"]) for epoch in load.summary["epochs"]]
        self.assertEqual([name for _, name in shown], list(regions))
        self.assertEqual(sorted(set(shown)), shown)


class SwitchoverTest(LoadTest):
    def switch_round(self, cluster, load, rounds):
        old, changes = "us-east", []
        for number in range(rounds * len(ROUND)):
            new = ROUND[number % len(ROUND)]
            # Asked for at each region in turn, whether it is the old primary, the new one or none.
            changes.append(switch(cluster, load, old, new, via=cluster.regions[number // 2 % 3]))
            old = new
        self.finish(cluster, load, changes)
        self.assertEqual([], load.failed()[:5])
        self.assertTrue(load.all_acknowledged)
        self.assert_epochs(load, ["us-east", *(change.new for change in changes)])

    def test_no_request_fails(self):
        self.switch_round(*self.start_loaded(), rounds=2)

    def test_no_request_fails_with_two_gateways_in_each_region(self):
        described = topology({name: region(number, gateways=2) for number, name in
                              enumerate(("us-east", "us-west", "eu"), start=1)}, hold="5s")
        gateways = [f"{name}/{gateway}" for name in described["regions"]
                    for gateway in ("gw1", "gw2")]
        # Six gateways and eighteen more processes: at the full rate two processors are busy with
        # nothing but the load, and backends miss their health checks.
        cluster, load = self.start_loaded(described, gateways=gateways, rate=WIDE_RATE)
        changes = [switch(cluster, load, "us-east", "us-west"),
                   switch(cluster, load, "us-west", "us-east")]
        self.finish(cluster, load, changes)
        self.assertEqual([], load.failed()[:5])


class WideAreaSwitchoverTest(SwitchoverTest):
    """The same over 65, 80 and 140 ms."""
    network = WanNetwork

    def test_no_request_fails(self):
        self.switch_round(*self.start_loaded(topology(hold="8s"), rate=WIDE_RATE), rounds=1)

    test_no_request_fails_with_two_gateways_in_each_region = None


class FailoverTest(LoadTest):
    def fail_over(self, cluster, load, action):
        """Does what ends the reign of us-east, whose own clients may be cut off by it, heals, and
        ends the load; returns the change."""
        begin_ns = time.monotonic_ns()
        action()
        new = cluster.await_successor("us-east")
        for place in SURVIVORS:
            cluster.await_writable(place, expect=new)
        if not cluster["us-east/gw1"].alive():
            cluster["us-east/gw1"].start()
        cluster.network.heal()
        cluster.await_taken(new, load)
        self.finish(cluster, load)
        change = types.SimpleNamespace(old="us-east", new=new, begin_ns=begin_ns)
        say(failover_table(load, change))
        return change

    def assert_only_in_flight_failed(self, load, change):
        """Of the clients elsewhere: what failed was sent before the old reign was over, and is
        reported as what it is. What came later was held and then taken."""
        for write in load.failed():
            if write.gateway in SURVIVORS:
                self.assertEqual(why_failed(write, change), "in flight to the lost region", write)
        for place in SURVIVORS:
            self.assertTrue([write for write in held(load, change) if write.gateway == place])

    def test_the_primarys_region_is_cut_off(self):
        cluster, load = self.start_loaded()
        change = self.fail_over(cluster, load, lambda: cluster.network.isolate("us-east"))
        self.assert_only_in_flight_failed(load, change)
        self.assert_epochs(load, ["us-east", change.new])

    def test_the_primarys_gateway_is_killed(self):
        cluster, load = self.start_loaded()
        change = self.fail_over(cluster, load, cluster["us-east/gw1"].kill)
        self.assert_only_in_flight_failed(load, change)
        # Its own clients lose their connections, and find nobody until it is back.
        for write in load.failed():
            if write.gateway == "us-east":
                self.assertIn(write.outcome, ("lost", "unreachable", "refused"), write)

    def test_writes_with_a_key_are_sent_again(self):
        cluster, load = self.start_loaded(keys="half")
        change = self.fail_over(cluster, load, lambda: cluster.network.isolate("us-east"))
        self.assert_only_in_flight_failed(load, change)
        self.assertEqual([], [write for write in load.failed()
                              if write.key and write.gateway in SURVIVORS][:5])


class WideAreaFailoverTest(FailoverTest):
    """Over long ways many writes are in flight when the region is lost, some of them taken."""
    network = WanNetwork

    def start_loaded(self, described=None, **options):
        return super().start_loaded(described, **{"rate": WIDE_RATE, **options})

    def test_a_write_that_may_have_been_taken_is_never_refused(self):
        """It was sent again, and waited for a new primary in vain: nobody knows, then."""
        cluster, load = self.start_loaded(topology(hold="600ms"), keys="all")
        self.fail_over(cluster, load, lambda: cluster.network.isolate("us-east"))
        taken = {record["id"] for record in cluster.records()}
        unknown = [write for write in load.failed() if write.outcome == "unknown"]
        self.assertTrue([write for write in unknown if write.id in taken])
        self.assertTrue([write for write in load.failed() if write.outcome == "refused"])


if __name__ == "__main__":
    unittest.main()
