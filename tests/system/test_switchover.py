"""A planned change of primary under load: no request fails, one writer, the named one follows."""
import json
import unittest

from harness.case import ClusterTest
from harness.topology import region, topology
from harness.wait import await_


class SwitchoverTest(ClusterTest):
    def start_loaded(self, described=None):
        cluster = self.start_cluster(described or topology(hold="5s"))
        writers = [cluster.writer(place, interval=0.002) for place in cluster.regions * 2]
        for writer in writers:
            await_(lambda writer=writer: len(writer.acknowledged()) >= 10, what="writers are going")
        return cluster, writers

    def switch(self, cluster, target, via):
        before = cluster.status(via)["epoch"]
        counts = {writer.name: len(writer.acknowledged()) for writer in cluster.writers}
        cluster.client("switchover", "--to", target, region=via)
        primary, epoch = cluster.await_followed()
        self.assertEqual(primary, target)
        self.assertEqual(cluster.primaries(), [target])
        self.assertGreater(epoch, before)
        for writer in cluster.writers:
            await_(lambda writer=writer: len(writer.acknowledged()) > counts[writer.name] + 10,
                   what="the writers go on")
        self.assertEqual({target}, {record["region"] for record in cluster.records()
                                    if record["epoch"] == epoch})

    def assert_none_failed(self, cluster, writers):
        cluster.stop_writers()
        for writer in writers:
            self.assertEqual(writer.failed(), [])

    def test_to_each_region_in_turn_asked_at_any_gateway(self):
        cluster, writers = self.start_loaded()
        self.switch(cluster, "eu", via="us-east")
        self.switch(cluster, "us-west", via="us-east")
        self.switch(cluster, "us-east", via="us-west")
        self.assert_none_failed(cluster, writers)

    def test_with_two_gateways_in_the_primary(self):
        cluster, writers = self.start_loaded(topology(
            {"us-east": region(1, gateways=2), "us-west": region(2), "eu": region(3)}, hold="5s"))
        self.switch(cluster, "us-west", via="eu")
        self.switch(cluster, "us-east", via="eu")
        self.assert_none_failed(cluster, writers)

    def test_through_the_admin_api(self):
        cluster = self.start_cluster()
        refused = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "eu"}))
        self.assertIn(refused.status, (401, 403), refused)
        refused = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "eu"}),
                                identity="us-east.gw1")
        self.assertIn(refused.status, (401, 403), refused)
        self.assertEqual(cluster.await_followed()[0], "us-east")
        done = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "eu"}),
                             identity="operator")
        self.assertEqual(done.status, 200, done)
        self.assertEqual(cluster.await_followed()[0], "eu")

    def test_to_the_primary_itself_or_where_nobody_can_take_over_nothing_changes(self):
        cluster = self.start_cluster(topology({
            "us-east": region(1), "us-west": region(2),
            "eu": region(3, witness=True, priority=None)}))
        epoch = cluster.status("us-east")["epoch"]
        for via in ("us-east", "eu"):  # by who holds the lease, and passed on to it
            self.assertEqual(
                cluster.client("switchover", "--to", "us-east", region=via),
                f"us-east is primary already, in epoch {epoch}; nothing was done\n")
        unknown = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "mars"}),
                                identity="operator")
        self.assertIn(unknown.status, (400, 404, 409, 412), unknown)
        witness = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "eu"}),
                                identity="operator")
        self.assertIn(witness.status, (409, 412), witness)
        cluster.network.isolate("us-west")
        await_(lambda: [link for link in cluster.status("us-east")["links"]
                        if link["region"] == "us-west" and link["state"] == "down"],
               what="us-west is seen to be down")
        cut_off = cluster.admin("us-east", "/v1/switchover", "POST", json.dumps({"to": "us-west"}),
                                identity="operator")
        self.assertEqual(cut_off.status, 409, cut_off)
        cluster.await_writable("us-east", expect="us-east")
        self.assertEqual(cluster.status("us-east")["epoch"], epoch)


if __name__ == "__main__":
    unittest.main()
