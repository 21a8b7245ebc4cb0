"""Restarts while a promise or a lease is alive give nobody more than before."""
import time
import unittest

from harness.case import ClusterTest
from harness.cluster import LEASE_NS
from harness.wait import await_, holds_for


class RestartTest(ClusterTest):
    """eu, the last in rank, is primary: another region that starts anew has nobody to wait for, so
    nothing but the promises of the nodes keeps it from standing."""

    OTHERS = ("us-east", "us-west")

    def setUp(self):
        self.running = self.start_cluster(primary="eu")
        self.writers = {place: self.running.writer(place) for place in self.running.regions}
        for writer in self.writers.values():
            await_(lambda writer=writer: len(writer.acknowledged()) >= 10, what="writers are going")

    def restart_others(self, *kinds):
        """Restarts processes of the other regions; returns when the first of them was started."""
        cluster = self.running
        names = [name for kind in kinds for place in self.OTHERS
                 for name in cluster.names(kind, place)]
        for name in names:
            cluster[name].kill()
        for name in names:
            cluster[name].start()
        return min(cluster[name].started_ns for name in names)

    def assert_promise_kept(self, restarted_ns):
        """The next primary's first write is a whole lease after the nodes came back: they promised
        their support to the old one again, in full."""
        _, first_ns = self.switch_epochs("eu", self.running.await_successor("eu"))
        self.assertGreaterEqual(first_ns - restarted_ns, LEASE_NS)

    def test_restarted_nodes_and_gateways_do_not_elect_during_the_lease(self):
        self.running.network.isolate("eu")
        self.assert_promise_kept(self.restart_others("gw", "n"))

    def test_restarted_gateways_do_not_elect_during_the_lease(self):
        self.running.network.isolate("eu")
        self.restart_others("gw")
        self.switch_epochs("eu", self.running.await_successor("eu"))

    def test_nodes_restarted_late_in_the_lease_wait_from_their_start(self):
        self.running.network.isolate("eu")
        cut_ns = time.monotonic_ns()
        await_(lambda: time.monotonic_ns() > cut_ns + LEASE_NS * 2 // 3, interval=0.005,
               what="two thirds of the lease")
        self.assert_promise_kept(self.restart_others("n"))

    def test_restarted_nodes_keep_the_primary_they_had(self):
        epoch = self.running.status("eu")["epoch"]
        for place in self.running.regions:
            for name in self.running.names("n", place):
                self.running[name].restart()
            self.running.await_writable(place, expect="eu")
        self.assertEqual(self.running.await_followed(), ("eu", epoch))

    def assert_no_lease_in_minority(self, restarted_ns):
        holds_for(lambda: not self.running.is_primary("eu"), 4, "eu holds no lease")
        new = self.running.await_successor("eu")
        later = {attempt.id for attempt in list(self.writers["eu"].attempts)
                 if attempt.start_ns > restarted_ns}
        self.assertTrue(later)
        self.assertFalse(later & {record["id"] for record in self.running.records()})
        self.running.network.heal()
        self.running.await_writable("eu", expect=new)

    def test_a_holder_restarted_in_a_minority_does_not_keep_its_lease(self):
        self.running.network.isolate("eu")
        self.running["eu/gw1"].kill()
        restarted_ns = time.monotonic_ns()
        self.running["eu/gw1"].start()
        self.assert_no_lease_in_minority(restarted_ns)

    def test_nor_when_its_nodes_restart_with_it(self):
        self.running.network.isolate("eu")
        names = self.running.names("gw", "eu") + self.running.names("n", "eu")
        for name in names:
            self.running[name].kill()
        restarted_ns = time.monotonic_ns()
        for name in names:
            self.running[name].start()
        self.assert_no_lease_in_minority(restarted_ns)


if __name__ == "__main__":
    unittest.main()
