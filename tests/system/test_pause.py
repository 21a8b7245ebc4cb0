"""Operators pause automatic failover: no other region takes over by itself, whatever happens."""
import os
import unittest

from harness.case import ClusterTest
from harness.network import run
from harness.topology import topology
from harness.wait import await_, holds_for

# Several leases and elections: without the pause another region is primary after two seconds.
STABLE_SECONDS = 8


class PauseTest(ClusterTest):
    def shown(self, cluster):
        return {region: cluster.status(region)["paused"] for region in cluster.regions}

    def pause(self, cluster, region="us-west"):
        said = cluster.client("pause", region=region)
        self.assertRegex(said, r"^automatic failover is paused \(version \d+\), known to")
        await_(lambda: all(self.shown(cluster).values()), what="every gateway shows the pause")
        return said

    def assert_no_successor(self, cluster, old):
        others = [region for region in cluster.regions if region != old]
        holds_for(lambda: not any(cluster.is_primary(region) for region in others),
                  STABLE_SECONDS, "no other region takes over")
        for region in others:
            self.assertIsNone(cluster.status(region)["primary"])

    def test_no_failover_until_resumed(self):
        cluster = self.start_cluster()
        writer = cluster.writer("us-west")
        epoch = cluster.status("us-west")["epoch"]
        self.assertIn("known to all gateways", self.pause(cluster))
        self.assertIn("automatic failover is paused",
                      cluster.client("status", region="eu").splitlines()[0])
        cluster.network.isolate("us-east")
        await_(lambda: not cluster.is_primary("us-east"), what="the lease of us-east runs out")
        self.assert_no_successor(cluster, "us-east")

        said = cluster.client("resume", region="us-west")
        self.assertIn("not yet to us-east.gw1", said)
        new = cluster.await_successor("us-east")
        self.assertGreater(cluster.status(new)["epoch"], epoch)
        await_(lambda: any(attempt.region == new for attempt in writer.acknowledged()),
               what="the writer follows")
        self.assertTrue(cluster.status("us-east")["paused"], "it cannot know yet")
        cluster.network.heal()
        cluster.await_followed()
        await_(lambda: not any(self.shown(cluster).values()), what="us-east hears of the resume")

    def test_the_old_primary_may_come_back(self):
        cluster = self.start_cluster()
        self.pause(cluster)
        cluster["us-east/gw1"].kill()
        self.assert_no_successor(cluster, "us-east")
        cluster["us-east/gw1"].start()
        cluster.await_primary("us-east")
        cluster.await_writable("eu", expect="us-east")

    def test_survives_a_restart_of_all_processes(self):
        cluster = self.start_cluster()
        self.pause(cluster)
        names = cluster.names("n") + cluster.names("gw")
        for name in names:
            cluster[name].kill()
        cluster.network.isolate("us-east")
        for name in names:
            cluster[name].start()
        others = ("us-west", "eu")
        await_(lambda: all(cluster.admin(place, "/quorum").status == 200 for place in others),
               what="the others see a quorum")
        self.assertTrue(all(self.shown(cluster).values()))
        self.assert_no_successor(cluster, "us-east")
        cluster.network.heal()
        cluster.await_primary("us-east")

    def test_a_switchover_works_and_the_new_primary_is_kept(self):
        cluster = self.start_cluster(topology(hold="5s"))
        writer = cluster.writer("us-east", interval=0.002)
        await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
        self.pause(cluster, "us-east")
        cluster.client("switchover", "--to", "eu", region="us-east")
        self.assertEqual(cluster.await_followed()[0], "eu")
        cluster.await_writable("us-west", expect="eu")
        cluster.stop_writers()
        self.assertEqual(writer.failed(), [])
        cluster.network.isolate("eu")
        await_(lambda: not cluster.is_primary("eu"), what="the lease of eu runs out")
        self.assert_no_successor(cluster, "eu")
        cluster.network.heal()
        cluster.await_primary("eu")

    def test_only_the_operator_may(self):
        cluster = self.start_cluster()
        for path in ("/v1/pause", "/v1/resume"):
            self.assertEqual(cluster.admin("us-east", path, "POST").status, 401)
            refused = cluster.admin("us-east", path, "POST", identity="us-east.gw1")
            self.assertEqual(refused.status, 403, refused)
        os.remove(f"{cluster.certs}/operator.key")
        cluster.client("pause", region="us-east", expect=78)
        self.assertFalse(any(self.shown(cluster).values()))

    def test_a_full_disk_and_a_damaged_file(self):
        cluster = self.make_cluster()
        folder = cluster.data("us-west", "gw1")
        os.mkdir(folder)
        run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        self.addCleanup(run, "umount", folder)
        self.addCleanup(cluster["us-west/gw1"].kill)
        cluster.start()
        cluster.await_followed()
        with open(f"{folder}/filler", "wb", buffering=0) as file:
            with self.assertRaises(OSError):
                while True:
                    file.write(bytes(4096))
        refused = cluster.admin("us-west", "/v1/pause", "POST", identity="operator")
        self.assertEqual(refused.status, 500, refused)
        self.assertIn("No space left on device", refused.json()["message"])
        self.assertFalse(any(self.shown(cluster).values()))

        # What others order is in force here, too, only not kept.
        offset = cluster["us-west/gw1"].log_size()
        self.pause(cluster, "eu")
        await_(lambda: "the pause switch is not on disk" in cluster["us-west/gw1"].log(offset),
               what="a line on the full disk")
        os.remove(f"{folder}/filler")
        cluster.client("resume", region="us-west")

        cluster["us-west/gw1"].kill()
        with open(f"{folder}/pause", "a", encoding="utf-8") as file:
            file.write("x")
        offset = cluster["us-west/gw1"].log_size()
        cluster["us-west/gw1"].start()
        await_(lambda: not cluster["us-west/gw1"].alive(), what="the gateway refuses the file")
        self.assertEqual(cluster["us-west/gw1"].child.returncode, 1)
        self.assertIn("restore the file, or remove it", cluster["us-west/gw1"].log(offset))


if __name__ == "__main__":
    unittest.main()
