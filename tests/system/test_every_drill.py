"""Each drill that comes with Regent passes."""
import queue
import threading
import unittest

from harness.cluster import ROOT
from harness.drills import ProbedLocalCluster, await_whole, is_whole
from harness.local import small_topology
from harness.reports import ReportChecks

DRILLS = ROOT / "deploy/drills"


class EveryDrillTest(ReportChecks, unittest.TestCase):
    """Each drill of deploy/drills passes, on local clusters side by side."""

    CLUSTERS = 3
    # After a frozen primary a write that it was in the middle of may come late, which only a
    # backend can refuse: nothing is compared with the records then.
    LAST = {"pause-primary"}
    # In a browser, which takes a while.
    LOOKED_AT = {"flapping-link", "one-way-cut", "stop-primary"}

    def test_passes(self):
        names = sorted((path.stem for path in DRILLS.glob("*.yaml")),
                       key=lambda name: (name in self.LAST, name != "flapping-link", name))
        self.assertGreaterEqual(len(names), 12)
        self.waiting = queue.SimpleQueue()
        for name in names:
            self.waiting.put(name)
        self.failures = []
        self.passed = []
        threads = [threading.Thread(target=self.work, args=(self.make_cluster(),))
                   for _ in range(self.CLUSTERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual("\n".join(self.failures), "")
        self.assertEqual(sorted(self.passed), sorted(names))

    def make_cluster(self):
        cluster = ProbedLocalCluster(small_topology(hold="5s"))
        self.addCleanup(cluster.close)
        return cluster.create_certs()

    def work(self, cluster):
        name = "the start"
        try:
            cluster.start()
            while True:
                await_whole(cluster)
                name = self.waiting.get_nowait()
                self.run_drill(cluster, name)
                if name not in self.LAST:
                    cluster.check_promise()
        except queue.Empty:
            return
        except Exception as error:  # pylint: disable=broad-except
            cluster.keep = True
            self.failures.append(f"{name}: {error}\n{cluster.describe()}")

    def run_drill(self, cluster, name):
        options = ["--topology", cluster.topology_path, "--certs", cluster.certs]
        path = str(DRILLS / f"{name}.yaml")
        said = cluster.regent("drill", "check", path, *options, region="eu")
        self.assertIn("when nobody held a lease for 15s, or when more than 50 writes of any "
                      "clients have failed", said, "each has limits to the harm that it may do")
        said = cluster.regent("drill", "run", path, "--out", f"{cluster.work}/reports",
                              "--rehearse", "100", *options, region="eu", timeout=90)
        self.assertIn(f"drill {name} passed", said)
        self.assertTrue(is_whole(cluster), "the next one could begin at once")
        report, page, junit = self.reports(f"{cluster.work}/reports", name)
        self.assertTrue(report["passed"])
        self.check_junit(junit, report["checks"])
        if name in self.LOOKED_AT:
            self.check_page(page, report)
        if name in ("lose-primary", "stop-primary", "pause-primary"):
            self.assertGreater(report["phases"]["first_write_s"], 0.3, "a lease had to run out")
        self.passed.append(name)


if __name__ == "__main__":
    unittest.main()
