"""Services and limits change under load; nothing that votes depend on does."""
import copy
import json
import signal
import unittest

from harness.case import ClusterTest
from harness.clients import Connection
from harness.topology import to_yaml, topology
from harness.wait import await_, holds_for


class ReloadTest(ClusterTest):
    def start_loaded(self, described):
        cluster = self.start_cluster(described)
        self.writers = [cluster.writer(place, interval=0.002) for place in cluster.regions]
        self.await_progress()
        return cluster

    def await_progress(self):
        counts = {writer.name: len(writer.acknowledged()) for writer in self.writers}
        for writer in self.writers:
            await_(lambda writer=writer: len(writer.acknowledged()) > counts[writer.name] + 10,
                   what="the writers go on")

    def reload(self, cluster, text, expect, names=None):
        """Writes the file, tells the gateways, and waits for the line in each one's log."""
        with open(cluster.topology_path, "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else to_yaml(text))
        names = names or cluster.names("gw")
        sizes = {name: cluster[name].log_size() for name in names}
        for name in names:
            cluster[name].signal(signal.SIGHUP)
        for name in names:
            await_(lambda name=name: expect in cluster[name].log(sizes[name]),
                   what=f"{name} says: {expect}")

    def assert_none_failed(self, cluster):
        cluster.stop_writers()
        for writer in self.writers:
            self.assertEqual(writer.failed(), [])

    def backends(self, cluster, place):
        return [backend["address"] for backend in cluster.status(place)["services"][0]["backends"]
                if backend["healthy"]]

    def test_backends_come_and_go_under_load(self):
        described = topology(hold="5s")
        both = described["services"]["orders"]["backends"]["us-east"]
        cluster = self.start_loaded(described)
        changed = copy.deepcopy(described)
        hashes = {cluster.status("eu")["topology"]["hash"]}
        for backends in (both[:1], both, both[1:], both):
            changed["services"]["orders"]["backends"]["us-east"] = backends
            self.reload(cluster, changed, "topology reloaded")
            await_(lambda backends=backends: self.backends(cluster, "us-east") == backends,
                   what=f"{backends} are healthy")
            self.await_progress()
            shown = cluster.status("eu")["topology"]["hash"]
            self.assertEqual(shown in hashes, backends == both)
            hashes.add(shown)
        self.assertEqual(cluster.status("eu")["epoch"], cluster.records()[0]["epoch"])
        self.assert_none_failed(cluster)

    def test_a_service_is_added_and_limits_follow(self):
        described = topology(hold="5s")
        cluster = self.start_loaded(described)
        changed = copy.deepcopy(described)
        changed["services"]["offers"] = copy.deepcopy(changed["services"]["orders"])
        changed["services"]["offers"].update({"port": 8090, "max_body": "10B"})
        changed["services"]["orders"]["max_body"] = "1KB"
        self.reload(cluster, changed, "topology reloaded")

        def posted(port, size):
            """The answer to an order whose body has at least `size` bytes."""
            connection = Connection(cluster.network, "eu", cluster.gateway_address("eu"), port)
            try:
                body = json.dumps({"id": f"sized-{port}-{size}"}) + " " * size
                return connection.ask("POST", "/orders", body).status
            finally:
                connection.close()
        self.assertEqual(await_(lambda: posted(8090, 30), what="the new service answers"), 413)
        self.assertEqual(posted(8080, 2000), 413)
        self.assertEqual(posted(8080, 30), 201)
        self.await_progress()
        self.reload(cluster, described, "topology reloaded")
        self.assertEqual(posted(8080, 2000), 201)
        with self.assertRaises(OSError):
            posted(8090, 30)
        self.assert_none_failed(cluster)

    def test_what_cannot_be_taken_changes_nothing(self):
        described = topology(hold="5s")
        cluster = self.start_loaded(described)
        before = cluster.status("us-east")
        self.reload(cluster, "cluster: shop\nregions: 7\n", "regions: must be a map")
        changed = copy.deepcopy(described)
        changed["timing"]["lease"] = "2s"
        changed["services"]["orders"]["max_body"] = "1B"
        self.reload(cluster, changed, "timing.lease")
        changed = copy.deepcopy(described)
        changed["services"]["offers"] = copy.deepcopy(changed["services"]["orders"])
        changed["services"]["offers"]["port"] = 8090
        listener = cluster.network.socket("us-east")
        self.addCleanup(listener.close)
        listener.bind((cluster.gateway_address("us-east"), 8090))
        listener.listen()
        self.reload(cluster, changed, "8090", names=["us-east/gw1"])
        self.await_progress()
        after = cluster.status("us-east")
        for key in ("topology", "epoch", "primary"):
            self.assertEqual(after[key], before[key])
        self.assertEqual([service["name"] for service in after["services"]], ["orders"])
        cluster["us-east/n1"].signal(signal.SIGHUP)
        await_(lambda: "nothing to reload" in cluster["us-east/n1"].log())
        holds_for(lambda: cluster["us-east/n1"].alive(), 0.2, "a node lives through SIGHUP")
        self.assert_none_failed(cluster)


if __name__ == "__main__":
    unittest.main()
