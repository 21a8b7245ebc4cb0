"""Gateways end a drill where an abort condition holds, though nobody who ordered it is left."""
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness.drills import LinksDrillTest, await_whole
from harness.wait import await_


class AbortTest(LinksDrillTest):
    def await_end(self):
        """Waits until no gateway breaks anything any more; why, by region."""
        await_(lambda: not any(self.running(region) for region in self.cluster.regions),
               what="every gateway has ended it")
        return {region: self.cluster.status(region)["faults"]["last_end"]
                for region in self.cluster.regions}

    def kill_operator(self, child):
        """Once every fault is in force, and for long."""
        child.kill()
        child.wait()
        self.assertTrue(all(self.cluster.status(region)["faults"]["ends_in_ms"] > 40_000
                            for region in self.cluster.regions), "it would go on")

    def check_same_end(self, ends, reason):
        """One gateway found it, or several at once; the others were told."""
        for region, end in ends.items():
            self.assertRegex(end, rf"^((us-east|us-west|eu)\.gw1 ended it: )?{reason}$", region)

    def check_isolated_goes_on(self, region):
        """It knows that the drill cuts it off, so it refuses writes rightly, and that the others
        have a primary."""
        cluster = self.cluster
        await_(lambda: cluster.status(region)["primary"] is None, what=f"{region} is alone")
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda number: cluster.ask(
                region, "POST", "/orders", {"id": f"alone-{number}"}), range(6)))
        self.assertEqual([answer.status for answer in answers], [503] * 6)
        faults = cluster.status(region)["faults"]
        self.assertTrue(faults["running"], faults)
        await_(lambda: cluster.status(region)["faults"].get("ends_in_ms", 0) <
               faults["ends_in_ms"] - 500,
               what="time for other conclusions")
        shown = [cluster.status(name)["faults"] for name in cluster.regions]
        self.assertEqual([each.get("failed_writes_so_far") for each in shown], [0, 0, 0], shown)

    def test_there_is_no_primary_and_no_operator(self):
        cluster = self.cluster
        path = self.write("headless", """
steps: [ await_primary: { is: us-west, within: 30s }, isolate: us-west, wait: 50s ]
abort: { no_primary_for: 1s }
""")
        child = self.begin(path, " s  await ")
        # So that nobody takes over.
        cluster.client("pause", region="eu")
        self.addCleanup(cluster.client, "resume", region="eu")
        await_(lambda: all(cluster.status(region)["paused"] for region in cluster.regions),
               what="every gateway knows of the pause")
        cluster.client("switchover", "--to", "us-west", region="eu")
        self.read_until(child, " s  wait ")
        self.kill_operator(child)
        self.check_same_end(self.await_end(), "there was no primary for 1s")
        self.assertEqual(await_whole(cluster), "us-west")

    def test_writes_fail_and_there_is_no_operator(self):
        cluster = self.cluster
        child = self.begin(self.write("failing", """
steps: [ isolate: eu, wait: 50s ]
abort: { failed_writes: 5, no_primary_for: 500ms }
"""))
        self.assertRegex(cluster.client("status", region="us-west"),
                         r"drill failing.*, ends in \d+ s, or without a primary for 500ms, "
                         r"or with more than 5 failed writes \(0 so far\)")
        self.kill_operator(child)
        self.check_isolated_goes_on("eu")
        for backend in cluster.names("orders"):
            cluster[backend].kill()
            self.addCleanup(cluster[backend].start)
        for number in range(3):
            for region in ("us-east", "us-west"):
                answer = cluster.ask(region, "POST", "/orders", {"id": f"{region}-{number}"})
                self.assertGreaterEqual(answer.status, 502)
        ends = self.await_end()
        self.check_same_end(ends, "6 writes have failed, more than 5")

    def pause_nodes(self, region):
        for node in self.cluster.names("n", region):
            self.cluster[node].pause()
            self.addCleanup(self.cluster[node].resume)

    def test_an_operator_who_is_there_hears_which_gateway_ended_it(self):
        child = self.begin(self.write("heard", "steps: [ isolate: eu, wait: 50s ]\n"))
        self.pause_nodes("us-east")
        said = self.read_until(child, "aborted: ")
        self.assertRegex(said, r"aborted: us-(east|west)\.gw1 ended it: the quorum's margin fell "
                               r"to -\d, below 0\n$")
        for node in self.cluster.names("n", "us-east"):
            self.cluster[node].resume()
        child.stdout.read()
        self.assertEqual(child.wait(), 1)
        await_whole(self.cluster)

    def test_a_lost_margin_ends_the_drill_everywhere(self):
        cluster = self.cluster
        for region in cluster.regions:
            self.order(region, drill="thin", **{"for": "60s"})
        self.cut("us-west", "eu", drill="thin")
        self.pause_nodes("us-east")
        ends = self.await_end()
        self.assertRegex(ends["us-west"], "^the quorum's margin fell")
        for region in ("us-east", "eu"):
            self.assertRegex(ends[region], r"^us-west\.gw1 ended it: the quorum's margin fell")
        said = self.refused("eu", "aborted", drill="thin", drop_redis=True)
        self.assertIn("drill thin is over: us-west.gw1 ended it", said)
        cluster.await_writable("eu")


if __name__ == "__main__":
    unittest.main()
