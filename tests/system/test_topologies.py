"""Other trees than three equal regions: they elect and fail over as the tree says."""
import unittest

from harness.case import ClusterTest
from harness.topology import region, topology
from harness.wait import await_, holds_for


class TopologyTest(ClusterTest):
    def await_nobody(self, cluster):
        """No gateway holds a lease, and none takes one for longer than it would need to."""
        await_(lambda: cluster.primaries() == [], what="nobody holds a lease")
        holds_for(lambda: cluster.primaries() == [], 4, "nobody can be elected")

    def quorum(self, cluster, place):
        quorum = cluster.status(place)["quorum"]
        return quorum["outcome"], quorum["weight"], quorum["needed"], quorum["total"]

    def test_a_witness_votes_and_never_leads(self):
        cluster = self.start_cluster(topology({
            "us-east": region(1), "us-west": region(2),
            "eu": region(3, nodes=1, witness=True, priority=None, redis=None)}))
        for place in cluster.regions:
            cluster.writer(place)
        cluster.network.isolate("us-east")
        cluster.await_primary("us-west")
        cluster.await_writable("eu", expect="us-west")
        self.switch_epochs("us-east", "us-west")
        # With both others cut off, the witness serves nobody.
        cluster.network.isolate("us-west")
        self.await_nobody(cluster)
        self.assertEqual(cluster.ask("eu", "POST", "/orders", {"id": "witness"}).status, 503)
        cluster.network.heal()
        cluster.await_primary(among=["us-east", "us-west"])
        cluster.await_writable("eu")

    def test_the_witness_is_needed(self):
        cluster = self.start_cluster(topology({
            "us-east": region(1), "us-west": region(2),
            "eu": region(3, nodes=1, witness=True, priority=None, redis=None)}))
        cluster["eu/n1"].kill()
        cluster.await_writable("us-west", expect="us-east")
        cluster.network.isolate("us-east")
        self.await_nobody(cluster)
        cluster["eu/n1"].start()
        cluster.await_primary("us-west")

    def test_node_weights_in_a_flat_tree(self):
        heavy = {"n1": {"address": "10.0.3.11", "weight": 3}, "n2": "10.0.3.12", "n3": "10.0.3.13"}
        cluster = self.start_cluster(topology({
            "us-east": region(1), "us-west": region(2),
            "eu": region(3, described_nodes=heavy)}, quorum="weighted"))
        self.assertEqual(self.quorum(cluster, "us-east"), ("won", 11, 6, 11))
        # 3 + 5 of 11 elect a new primary.
        cluster.network.isolate("us-east")
        cluster.await_successor("us-east")
        # Without the heavy node they are 5.
        cluster["eu/n1"].kill()
        self.await_nobody(cluster)
        self.assertEqual(self.quorum(cluster, "us-west")[1], 5)
        cluster["eu/n1"].start()
        cluster.await_primary(among=["us-west", "eu"])

    def test_a_plain_majority_of_nodes(self):
        cluster = self.start_cluster(topology({
            "us-east": region(1, nodes=3), "us-west": region(2, nodes=2), "eu": region(3, nodes=2)},
            quorum="majority"))
        self.assertEqual(self.quorum(cluster, "us-east"), ("won", 7, 4, 7))
        cluster.network.isolate("us-east")
        cluster.await_successor("us-east")
        cluster["eu/n2"].kill()
        self.await_nobody(cluster)
        cluster.network.heal()
        cluster.await_primary()
        for place in cluster.regions:
            cluster.await_writable(place)

    def test_region_weights(self):
        # 2 + 1 + 1: no majority without us-east, and none of us-east alone.
        cluster = self.start_cluster(topology({
            "us-east": region(1, weight=2), "us-west": region(2), "eu": region(3)}))
        self.assertEqual(self.quorum(cluster, "us-west"), ("won", 4, 3, 4))
        cluster.network.isolate("us-east")
        self.await_nobody(cluster)
        cluster.network.heal()
        cluster.network.isolate("eu")
        primary = cluster.await_primary(among=["us-east", "us-west"])
        cluster.await_writable("us-west", expect=primary)

    def test_regions_over_zones_over_nodes(self):
        def zoned(number):
            return region(number, nodes=0, zones={
                "a": {"weight": 1, "nodes": {"n1": f"10.0.{number}.11"}},
                "b": {"weight": 1, "nodes": {"n2": f"10.0.{number}.12"}},
                "c": {"weight": 1, "nodes": {"n3": f"10.0.{number}.13", "n4": f"10.0.{number}.14",
                                             "n5": f"10.0.{number}.16"}}})
        cluster = self.start_cluster(topology({"us-east": zoned(1), "us-west": zoned(2),
                                               "eu": region(3)}))
        # Zones a and b are a majority of us-west's zones, though only two of its five nodes.
        for node in ("n3", "n4", "n5"):
            cluster[f"us-west/{node}"].kill()
        cluster.network.isolate("us-east")
        cluster.await_successor("us-east")
        # Zone c has three of five nodes, and is one zone of three.
        cluster["us-west/n1"].kill()
        cluster["us-west/n2"].kill()
        for node in ("n3", "n4", "n5"):
            cluster[f"us-west/{node}"].start()
        self.await_nobody(cluster)
        cluster["us-west/n1"].start()
        cluster.await_primary(among=["us-west", "eu"])


if __name__ == "__main__":
    unittest.main()
