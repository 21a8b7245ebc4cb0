"""A service that looks the route up itself: follows the primary, with Redis and without."""
import pathlib
import unittest

from harness.case import ClusterTest
from harness.cluster import ADMIN_PORT, REGENT
from harness.process import Process
from harness.redis import Redis
from harness.topology import topology
from harness.wait import await_

EXAMPLE = str(pathlib.Path(REGENT).with_name("route_client_example"))
KEY = "regent:{shop}:route"
# More than any test waits for; the example is ended.
ENDLESS = "1000000"


class RouteClientTest(ClusterTest):
    """The client runs in us-west, the primary is us-east at first."""

    def setUp(self):
        self.running = self.start_cluster(topology(hold="5s"))
        self.addCleanup(self.end_clients)
        self.clients = []

    def end_clients(self):
        for client in self.clients:
            client.kill()

    def start_client(self, name, *sources):
        client = Process(f"us-west/{name}", self.running.network.namespace("us-west"),
                         [EXAMPLE, "--cluster", "shop", "--ca", f"{self.running.certs}/ca.crt",
                          "--name", name, "--orders", ENDLESS, *sources],
                         f"{self.running.work}/log/us-west.{name}.log")
        # Its last words are told with those of the others.
        self.running.processes[client.name] = client
        self.clients.append(client)
        client.start()
        return client

    def redis_of(self, *regions):
        return [word for region in regions
                for word in ("--redis", self.running.topology["regions"][region]["redis"])]

    def gateways_of(self, *regions):
        return [word for region in regions
                for word in ("--gateway", f"{self.running.gateway_address(region)}:{ADMIN_PORT}")]

    def taken(self, client):
        """(id, region, epoch) of each order that was acknowledged to the client."""
        lines = (line.split() for line in client.log().splitlines()
                 if line.startswith(client.name.split("/")[1] + "-"))
        return [(words[0], words[2], int(words[3])) for words in lines
                if len(words) == 4 and words[1] in ("200", "201")]

    def await_more(self, client, region, count=20):
        """Waits for orders that the region took from now on."""
        before = len(self.taken(client))
        await_(lambda: len([1 for _, where, _ in self.taken(client)[before:] if where == region])
               >= count, 30, f"{client.name} writes to {region}")

    def assert_right(self, client):
        """Every acknowledged order is with a backend, once, and epochs never went back."""
        client.kill()
        taken = self.taken(client)
        stored = [record["id"] for record in self.running.records()]
        for order, _, _ in taken:
            self.assertEqual(stored.count(order), 1, order)
        epochs = [epoch for _, _, epoch in taken]
        self.assertEqual(epochs, sorted(epochs))

    def test_follows_a_switchover(self):
        client = self.start_client("both", *self.redis_of("us-west", "us-east"),
                                   *self.gateways_of("us-west"))
        self.await_more(client, "us-east")
        self.running.client("switchover", "--to", "eu", region="us-east")
        self.await_more(client, "eu")
        self.assert_right(client)
        self.assertIn("primary is eu", client.log())
        self.assertNotIn(" answers ", client.log(), "an order had to be sent again")

    def test_lives_through_the_death_and_the_wipe_of_redis(self):
        client = self.start_client("both", *self.redis_of("us-west"), *self.gateways_of("eu"))
        self.await_more(client, "us-east")
        with Redis(self.running.network, "us-west",
                   self.running.topology["regions"]["us-west"]["redis"]) as redis:
            self.assertEqual(redis.command("FLUSHALL"), "OK")
        self.await_more(client, "us-east")
        self.running["us-west/redis"].kill()
        self.await_more(client, "us-east", count=200)
        self.running.client("switchover", "--to", "eu", region="us-east")
        self.await_more(client, "eu")
        self.running["us-west/redis"].start()
        self.running.client("switchover", "--to", "us-west", region="eu")
        self.await_more(client, "us-west")
        self.assert_right(client)

    def test_with_redis_alone_it_waits_for_redis(self):
        client = self.start_client("alone", *self.redis_of("us-west"))
        self.await_more(client, "us-east")
        self.running["us-west/redis"].kill()
        await_(lambda: client.log().rstrip().endswith("no primary is known"),
               what="the client has no route any more")
        self.running["us-west/redis"].start()
        self.await_more(client, "us-east")
        self.assert_right(client)


if __name__ == "__main__":
    unittest.main()
