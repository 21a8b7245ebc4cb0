"""The admin API and the client verbs, as load balancers, scripts and people use them."""
import json
import unittest

from harness.case import ClusterTest
from harness.wait import await_


class AdminTest(ClusterTest):
    def test_checks(self):
        cluster = self.start_cluster()
        expected = {"us-east": {"/primary": 200, "/standby": 503},
                    "us-west": {"/primary": 503, "/standby": 200}}
        for region, paths in expected.items():
            for path, status in {**paths, "/quorum": 200, "/livez": 200, "/readyz": 200}.items():
                for method in ("GET", "HEAD", "OPTIONS"):
                    with self.subTest(region=region, path=path, method=method):
                        self.assertEqual(cluster.admin(region, path, method).status, status)
        ready = cluster.admin("us-east", "/readyz?verbose").body.decode()
        self.assertGreater(len(ready.splitlines()), 2, ready)
        self.assertEqual(cluster.admin("us-east", "/nothing").status, 404)

    def test_status_and_route(self):
        cluster = self.start_cluster()
        status = cluster.status("us-east")
        self.assertEqual((status["cluster"], status["region"], status["gateway"], status["role"],
                          status["primary"], status["paused"]),
                         ("shop", "us-east", "gw1", "primary", "us-east", False))
        self.assertTrue(0 < status["lease_remaining_ms"] <= 1500, status)
        quorum = status["quorum"]
        self.assertEqual((quorum["kind"], quorum["outcome"], quorum["weight"], quorum["needed"],
                          quorum["total"], quorum["margin"]), ("hierarchical", "won", 3, 2, 3, 1))
        for region in quorum["regions"]:
            self.assertEqual((region["outcome"], region["node_weight"], region["node_needed"],
                              region["node_total"]), ("won", 3, 2, 3))
        # The nodes that were not needed for the election hear of it a little later.
        await_(lambda: {("us-east", status["epoch"], True)} ==
               {(node["supports"], node["epoch"], node["reachable"])
                for region in cluster.status("us-east")["quorum"]["regions"]
                for node in region["nodes"]}, what="all nodes support us-east")
        self.assertEqual({link["region"]: link["state"] for link in status["links"]},
                         {"us-west": "up", "eu": "up"})
        self.assertEqual(status["services"][0]["healthy"], 2)
        self.assertTrue(status["topology"]["hash"].startswith("sha256:"))
        self.assertEqual({cluster.status(region)["topology"]["hash"] for region in cluster.regions},
                         {status["topology"]["hash"]})
        self.assertEqual(cluster.status("eu")["role"], "standby")
        await_(lambda: cluster.status("us-east")["route_cache"] == {"state": "up",
                                                                    "epoch": status["epoch"]},
               what="the mirror is up")
        for region in cluster.regions:
            route = cluster.admin(region, "/v1/route").json()
            self.assertEqual((route["primary"], route["epoch"], route["gateways"]),
                             ("us-east", status["epoch"], ["10.0.1.10:8080"]))
            self.assertTrue(0 < route["expires_in_ms"] <= 1500, route)

    def test_metrics(self):
        cluster = self.start_cluster()
        def metrics(region):
            lines = cluster.admin(region, "/metrics").body.decode().splitlines()
            return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        east, west = metrics("us-east"), metrics("us-west")
        self.assertEqual((float(east["regent_primary"]), float(west["regent_primary"])), (1, 0))
        self.assertEqual(float(east["regent_quorum"]), 1)
        self.assertEqual(float(west["regent_epoch"]), cluster.status("us-west")["epoch"])
        for name in ("regent_lease_remaining_seconds", "regent_quorum_margin", "regent_link_up",
                     "regent_requests_total", "regent_backend_healthy", "regent_route_cache_up",
                     "regent_topology_version", "regent_build_info"):
            self.assertTrue(any(key.split("{")[0] == name for key in east), name)

    def test_the_command_line(self):
        cluster = self.start_cluster()
        route = json.loads(cluster.client("route", "--json", region="eu"))
        self.assertEqual(route["primary"], "us-east")
        self.assertIn("us-east", cluster.client("route", region="us-west"))
        self.assertEqual(json.loads(cluster.client("status", "--json", region="eu"))["primary"],
                         "us-east")
        table = cluster.client("status", region="us-west")
        for word in ("us-east", "us-west", "eu", "primary", "n1"):
            self.assertIn(word, table)
        # By the topology, its gateways are tried in turn.
        cluster["us-east/gw1"].kill()
        new = cluster.await_successor("us-east")
        cluster.await_writable("eu", expect=new)
        shown = cluster.regent("route", "--json", "--topology", cluster.topology_path,
                               "--certs", cluster.certs, region="eu")
        self.assertEqual(json.loads(shown)["primary"], new)

    def test_exit_codes(self):
        cluster = self.start_cluster()
        cluster.network.isolate("us-east")
        await_(lambda: cluster.status("us-east")["primary"] is None,
               what="us-east knows no primary")
        cluster.client("route", region="us-east", expect=2)
        cluster.regent("nonsense", expect=64)
        cluster.regent("switchover", expect=64)
        broken = cluster.write_topology("broken", {**cluster.topology, "unknown": 1})
        cluster.regent("topology", "check", broken, expect=78)
        cluster.regent("gateway", "--topology", broken, "--region", "eu", "--name", "gw1",
                       "--certs", cluster.certs, expect=78)
        cluster.regent("topology", "check", cluster.topology_path, expect=0)


if __name__ == "__main__":
    unittest.main()
