"""Three regions in any order: one primary; writes reach it from anywhere, reads stay local."""
import unittest

from harness.case import ClusterTest
from harness.topology import region, topology
from harness.wait import await_


class StartupTest(ClusterTest):
    def start_with_writers(self, order):
        """Clients ask from the first moment on, so a second primary would leave its records."""
        cluster = self.make_cluster()
        for place in cluster.regions:
            cluster.writer(place)
        cluster.start(order(cluster))
        primary = cluster.await_primary()
        cluster.await_followed()
        for place in cluster.regions:
            cluster.await_writable(place, expect=primary)
        self.assertEqual(cluster.primaries(), [primary])
        self.assertEqual({record["region"] for record in cluster.records()}, {primary})
        return cluster

    def test_nodes_before_gateways(self):
        self.start_with_writers(lambda cluster: cluster.start_order())

    def test_gateways_before_nodes_backends_last(self):
        self.start_with_writers(lambda cluster: cluster.start_order()[::-1])

    def test_a_late_region_joins_and_changes_nothing(self):
        cluster = self.make_cluster()
        cluster.start(cluster.names(region="eu") + cluster.names(region="us-west"))
        primary = cluster.await_primary(among=["us-west", "eu"])
        epoch = cluster.status(primary)["epoch"]
        cluster.start(cluster.names(region="us-east"))
        # The late region would stand first, but failback is manual.
        self.assertEqual(cluster.await_followed(), (primary, epoch))
        cluster.await_writable("us-east", expect=primary)
        self.assertEqual(cluster.status("us-east")["role"], "standby")
        self.assertEqual(cluster.status("us-east")["epoch"], epoch)

    def test_one_region_alone_is_not_enough(self):
        cluster = self.make_cluster()
        cluster.start(cluster.names(region="us-east"))
        cluster.writer("us-east")
        answer = cluster.ask_when_listening("us-east", "POST", "/orders", {"id": "alone"})
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.json()["error"], "no_primary")
        self.assertEqual(cluster.records(), [])
        cluster.start(cluster.names(region="eu"))
        cluster.await_primary(among=["us-east", "eu"])


class TrafficTest(ClusterTest):
    def test_writes_reach_the_primary_with_the_epoch_and_reads_stay_local(self):
        cluster = self.start_cluster(topology(
            {"us-east": region(1), "us-west": region(2, gateways=2), "eu": region(3)}))
        epoch = cluster.status("us-east")["epoch"]
        self.assertGreater(epoch, 0)
        for place, gateway in [("us-east", "gw1"), ("us-west", "gw1"), ("us-west", "gw2"),
                               ("eu", "gw1")]:
            with self.subTest(place=place, gateway=gateway):
                order_id = f"order-{place}-{gateway}"
                written = cluster.ask(place, "POST", "/orders", {"id": order_id}, gateway=gateway)
                self.assertEqual(written.status, 201, written)
                self.assertEqual(written.headers["Regent-Region"], "us-east")
                self.assertEqual(written.headers["Regent-Epoch"], str(epoch))
                self.assertEqual(written.json()["region"], "us-east")
                taken, = [record for record in cluster.records() if record["id"] == order_id]
                self.assertEqual((taken["region"], taken["epoch"]), ("us-east", epoch))

                read = cluster.ask(place, "GET", "/orders", gateway=gateway)
                self.assertEqual(read.status, 200, read)
                self.assertEqual(read.headers["Regent-Region"], place)
                self.assertEqual(read.headers["Regent-Epoch"], str(epoch))
                self.assertIsNone(read.headers["Regent-Stale"])
                self.assertEqual(read.json()["region"], place)

    def test_a_client_cannot_bring_its_own_epoch(self):
        cluster = self.start_cluster()
        epoch = cluster.status("us-east")["epoch"]
        for place in ("us-east", "eu"):
            written = cluster.ask(place, "POST", "/orders", {"id": f"own-{place}"},
                                  {"Regent-Epoch": "999999", "Regent-Region": "eu"})
            self.assertEqual(written.status, 201, written)
            self.assertEqual(written.json()["order"]["epoch"], epoch)

    def test_a_backend_that_dies_is_left_out(self):
        cluster = self.start_cluster()
        cluster["us-east/orders1"].kill()
        self.await_backends(cluster, "us-east", 1)
        connection = cluster.http("eu")
        for number in range(20):
            written = connection.ask("POST", "/orders", {"id": f"left-{number}"})
            self.assertEqual(written.status, 201, written)
        connection.close()
        cluster["us-east/orders1"].start()
        self.await_backends(cluster, "us-east", 2)

    def await_backends(self, cluster, place, healthy):
        await_(lambda: cluster.status(place)["services"][0]["healthy"] == healthy,
               what=f"{healthy} healthy backends in {place}")


if __name__ == "__main__":
    unittest.main()
