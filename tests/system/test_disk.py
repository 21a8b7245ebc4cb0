"""A node whose vote cannot be written or read stops voting, says so, and forgets nothing."""
import os
import unittest

from harness.case import ClusterTest
from harness.network import run
from harness.wait import await_


class DiskTest(ClusterTest):
    def node(self, cluster, name):
        """How us-east's gateway sees us-east's node."""
        for region in cluster.status("us-east")["quorum"]["regions"]:
            if region["name"] == "us-east":
                found, = [node for node in region["nodes"] if node["name"] == name]
                return found
        return None

    def await_support(self, cluster, name, primary):
        def supports():
            node = self.node(cluster, name)
            return node["reachable"] and node["supports"] == primary and \
                node["epoch"] == cluster.status("us-east")["epoch"]
        await_(supports, what=f"{name} supports {primary}")

    def unmount(self, folder):
        run("umount", folder)

    def test_a_full_disk(self):
        cluster = self.make_cluster()
        folder = cluster.data("us-east", "n1")
        os.mkdir(folder)
        run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder)
        self.addCleanup(self.unmount, folder)
        self.addCleanup(cluster["us-east/n1"].kill)
        cluster.start()
        cluster.await_primary()
        first = cluster.await_followed()[0]
        cluster.await_writable("eu", expect=first)
        self.await_support(cluster, "n1", first)

        with open(f"{folder}/filler", "wb", buffering=0) as file:
            with self.assertRaises(OSError):
                while True:
                    file.write(bytes(4096))
        offset = cluster["us-east/n1"].log_size()
        second = next(region for region in cluster.regions if region != first)
        cluster.switch_when_possible(first, second)
        await_(lambda: "vote.db" in cluster["us-east/n1"].log(offset),
               what="a line on the full disk")
        cluster.await_writable("eu", expect=second)
        epoch = cluster.status("eu")["epoch"]
        # The others know the new epoch; this one must not have promised anything in it.
        self.await_support(cluster, "n2", second)
        node = self.node(cluster, "n1")
        self.assertFalse(node["reachable"] and node["epoch"] == epoch, node)

        os.remove(f"{folder}/filler")
        cluster["us-east/n1"].restart()
        self.await_support(cluster, "n1", second)
        self.assertEqual(cluster.await_followed(), (second, epoch))

    def test_a_damaged_file(self):
        cluster = self.start_cluster()
        node = cluster["us-east/n1"]
        node.kill()
        path = f"{cluster.data('us-east', 'n1')}/vote.db"
        with open(path, "rb") as file:
            whole = file.read()
        with open(path, "wb") as file:
            file.write(whole[:100] + bytes(len(whole) - 100))
        offset = node.log_size()
        node.start()
        await_(lambda: "vote.db" in node.log(offset), what="a line on the damaged file")
        cluster.await_writable("eu", expect="us-east")
        await_(lambda: not self.node(cluster, "n1")["reachable"], what="n1 is seen to be away")
        # A file that is gone is no fresh start, either.
        node.kill()
        os.remove(path)
        offset = node.log_size()
        node.start()
        await_(lambda: "vote.db" in node.log(offset), what="a line on the missing file")
        self.assertFalse(self.node(cluster, "n1")["reachable"])
        # With the file back it votes again.
        node.kill()
        with open(path, "wb") as file:
            file.write(whole)
        node.start()
        self.await_support(cluster, "n1", "us-east")


if __name__ == "__main__":
    unittest.main()
