"""Processes with another topology are shown as such, and their votes do not count."""
import copy
import unittest

from harness.case import ClusterTest
from harness.topology import topology
from harness.wait import await_, holds_for


class MismatchTest(ClusterTest):
    def make_mixed(self, names):
        """A cluster in which the named processes have a newer topology."""
        cluster = self.make_cluster()
        other = copy.deepcopy(cluster.topology)
        other["version"] = 2
        self.other_path = cluster.write_topology("other", other)
        for name in names(cluster):
            self.define(cluster, name, self.other_path)
        return cluster

    def define(self, cluster, name, path):
        region, own = name.split("/")
        cluster.define_regent(cluster[name].argv[1], region, own, topology_path=path)

    def region_status(self, cluster, seen_from, region):
        found, = [item for item in cluster.status(seen_from)["quorum"]["regions"]
                  if item["name"] == region]
        return found

    def link(self, cluster, seen_from, region):
        found, = [link for link in cluster.status(seen_from)["links"] if link["region"] == region]
        return found

    def assert_logged(self, cluster, who):
        """The gateway of us-east has written a line on the topology of `who`."""
        lines = cluster["us-east/gw1"].log().splitlines()[1:]
        self.assertTrue(any("topology" in line and who in line for line in lines), lines)

    def test_a_region_with_another_topology(self):
        cluster = self.make_mixed(lambda made: made.names("n", "eu") + made.names("gw", "eu"))
        cluster.start()
        cluster.await_primary("us-east")
        await_(lambda: self.link(cluster, "us-west", "us-east")["state"] == "up" and
               cluster.status("us-east")["quorum"]["weight"] == 2, what="two regions count")
        for one, other in (("us-east", "eu"), ("us-west", "eu"),
                           ("eu", "us-east"), ("eu", "us-west")):
            await_(lambda one=one, other=other:
                   self.link(cluster, one, other)["last_heard_ms"] is not None and
                   not self.link(cluster, one, other)["topology_match"],
                   what=f"{one} tells that {other} has another topology")
        self.assertTrue(self.link(cluster, "us-east", "us-west")["topology_match"])
        self.assert_logged(cluster, "eu")
        self.assertNotEqual(self.region_status(cluster, "us-east", "eu")["outcome"], "won")
        self.assertNotEqual(cluster.status("eu")["topology"]["hash"],
                            cluster.status("us-east")["topology"]["hash"])

        # eu answers, but without us-west that is no quorum.
        cluster.network.isolate("us-west")
        await_(lambda: cluster.primaries() == [], what="nobody holds a lease")
        holds_for(lambda: cluster.primaries() == [], 4, "nobody can be elected with eu's votes")
        self.assertEqual(cluster.ask("us-east", "POST", "/orders", {"id": "two"}).status, 503)

        # With the right file, eu counts.
        for name in cluster.names("n", "eu") + cluster.names("gw", "eu"):
            cluster[name].kill()
            self.define(cluster, name, cluster.topology_path)
            cluster[name].start()
        cluster.await_primary(among=["us-east", "eu"])
        await_(lambda: self.link(cluster, "us-east", "eu")["topology_match"], what="eu matches")
        cluster.await_writable("eu")

    def test_nodes_with_another_topology(self):
        cluster = self.make_mixed(lambda made: ["us-east/n2", "us-east/n3"])
        cluster.start()
        # Without them us-east is no quorate region, so another one leads.
        cluster.await_successor("us-east")
        shown = self.region_status(cluster, "us-east", "us-east")
        self.assertNotEqual(shown["outcome"], "won")
        self.assertEqual({node["name"]: node["topology_match"] for node in shown["nodes"]},
                         {"n1": True, "n2": False, "n3": False})
        self.assert_logged(cluster, "n2")
        # Their votes are missed as soon as another region is gone.
        cluster.network.isolate("eu")
        await_(lambda: cluster.primaries() == [], what="nobody holds a lease")
        holds_for(lambda: cluster.primaries() == [], 4, "nobody can be elected")
        cluster["us-east/n2"].kill()
        self.define(cluster, "us-east/n2", cluster.topology_path)
        cluster["us-east/n2"].start()
        cluster.await_primary(among=["us-east", "us-west"])

    def test_gateways_with_other_services_count(self):
        cluster = self.make_cluster()
        other = copy.deepcopy(cluster.topology)
        other["services"]["orders"]["hold"] = "2s"
        other_path = cluster.write_topology("other", other)
        for name in cluster.names("gw", "eu") + ["us-east/n2"]:
            self.define(cluster, name, other_path)
        cluster.start()
        await_(lambda: cluster.primaries() and cluster.status("us-east")["quorum"]["weight"] == 3,
               what="every region counts")
        await_(lambda: not self.link(cluster, "us-east", "eu")["topology_match"],
               what="us-east tells that eu has other services")
        self.assertTrue(self.link(cluster, "us-east", "eu")["quorum_match"])
        self.assertTrue(self.link(cluster, "us-east", "us-west")["topology_match"])
        self.assertIn("other services", cluster.client("status", region="us-east"))
        self.assert_logged(cluster, "eu")
        mine, theirs = (cluster.status(place)["topology"] for place in ("us-east", "eu"))
        self.assertNotEqual(mine["hash"], theirs["hash"])
        self.assertEqual(mine["quorum_hash"], theirs["quorum_hash"])
        # With eu's votes one of the two that are left leads.
        cluster.network.isolate("us-west")
        cluster.await_primary(among=["us-east", "eu"])
        cluster.await_writable("eu")


if __name__ == "__main__":
    unittest.main()
