"""The instruments themselves: a cut cuts, and the checker sees each way to break the promise."""
import itertools
import random
import unittest

from harness.checker import region_changes, violations
from harness.clients import Attempt, Writer
from harness.cluster import Cluster
from harness.faults import Draw, Injector, phases
from harness.topology import topology
from harness.wait import await_


def record(time_ns, epoch, region, order_id):
    return {"time_ns": time_ns, "epoch": epoch, "region": region, "id": order_id}


class CheckerTest(unittest.TestCase):
    GOOD = [record(1, 1, "a", "x1"), record(2, 1, "a", "x2"), record(3, 2, "b", "x3")]

    def remembered(self, order_id, epoch, region):
        writer = Writer("w", None)
        attempt = Attempt(order_id)
        attempt.status, attempt.epoch, attempt.region = 201, epoch, region
        writer.attempts.append(attempt)
        return [writer]

    def test_a_good_history_passes(self):
        self.assertEqual(violations(self.GOOD, self.remembered("x3", "2", "b")), [])

    def test_two_regions_in_one_epoch(self):
        self.assertEqual(len(violations(self.GOOD + [record(4, 2, "a", "x4")])), 1)

    def test_an_epoch_that_goes_back(self):
        self.assertEqual(len(violations(self.GOOD + [record(4, 1, "a", "x4")])), 1)

    def test_a_write_taken_twice(self):
        self.assertEqual(len(violations(self.GOOD + [record(4, 2, "b", "x2")])), 1)

    def test_a_write_that_may_be_repeated(self):
        again = record(4, 2, "b", "x2")
        keyed = [dict(entry, key=True) for entry in self.GOOD + [again]]
        self.assertEqual(violations(keyed, self.remembered("x2", "2", "b")), [])
        self.assertEqual(len(violations(keyed, self.remembered("x4", "2", "b"))), 1)
        unkeyed = [dict(entry, key=False) for entry in self.GOOD + [again]]
        self.assertEqual(len(violations(unkeyed)), 1)

    def test_a_write_without_an_epoch(self):
        self.assertEqual(len(violations([record(1, 0, "a", "x1")])), 1)

    def test_an_acknowledged_write_that_is_missing(self):
        self.assertEqual(len(violations(self.GOOD, self.remembered("x4", "2", "b"))), 1)

    def test_an_answer_that_names_another_epoch(self):
        self.assertEqual(len(violations(self.GOOD, self.remembered("x3", "1", "b"))), 1)

    def test_one_late_write_is_excused_for_each_pause(self):
        late = record(4 * 10**9, 1, "a", "x4")
        later = record(4 * 10**9 + 1, 1, "a", "x5")
        pause = ("a", 4 * 10**9 - 10**6)
        self.assertEqual(violations(self.GOOD + [late], (), [pause]), [])
        self.assertEqual(len(violations(self.GOOD + [late, later], (), [pause])), 1)
        self.assertEqual(violations(self.GOOD + [late, later], (), [pause, pause]), [])
        for other in (("b", pause[1]), ("a", 3 * 10**9), ("a", 5 * 10**9)):
            self.assertEqual(len(violations(self.GOOD + [late], (), [other])), 1, other)

    def test_changes_of_the_region(self):
        self.assertEqual(region_changes(self.GOOD), ["b"])
        self.assertEqual(region_changes([]), [])


class SequenceTest(unittest.TestCase):
    REGIONS = ("us-east", "us-west", "eu")

    def first(self, seed, count=40):
        return list(itertools.islice(phases(seed, self.REGIONS), count))

    def test_the_seed_alone_decides(self):
        self.assertEqual(self.first(7), self.first(7))
        self.assertNotEqual(self.first(7), self.first(8))
        self.assertEqual(self.first(7)[:10], self.first(7, 10))

    def test_every_kind_comes_and_can_be_done(self):
        faults = [fault for faults in self.first(7) for fault in faults]
        kinds = Draw(random.Random(1), self.REGIONS).kinds()
        self.assertEqual({fault.kind for fault in faults}, set(kinds))
        for fault in faults:
            self.assertTrue(callable(getattr(Injector, f"_{fault.arguments[0]}")), fault)
            self.assertGreaterEqual(fault.lasts, 0)


class NetworkTest(unittest.TestCase):
    """Against the sample service alone, reached across regions."""

    def setUp(self):
        self.cluster = Cluster(topology())
        self.addCleanup(self.cluster.close)
        self.cluster.start(self.cluster.names("orders"))
        for region in self.cluster.regions:
            await_(lambda there=region: self.reaches(there, there),
                   what=f"{region}'s backend answers")

    def reaches(self, source, target, timeout=0.3):
        number = self.cluster.regions.index(target) + 1
        made = self.cluster.network.socket(source)
        made.settimeout(timeout)
        try:
            made.connect((f"10.0.{number}.31", 9000))
            made.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            return made.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False
        finally:
            made.close()

    def test_cuts(self):
        network = self.cluster.network
        self.assertTrue(self.reaches("us-east", "eu"))
        network.cut("us-east", "eu")
        self.assertFalse(self.reaches("us-east", "eu"))
        self.assertTrue(self.reaches("us-east", "us-west"))
        network.heal()
        self.assertTrue(self.reaches("us-east", "eu"))
        network.isolate("us-west")
        self.assertFalse(self.reaches("eu", "us-west"))
        self.assertFalse(self.reaches("us-west", "us-east"))
        self.assertTrue(self.reaches("us-west", "us-west"))
        self.assertTrue(self.reaches("eu", "us-east"))

    def test_a_one_way_cut_lets_the_other_direction_pass(self):
        network = self.cluster.network
        before = network.bytes_and_packets("eu")[1]
        network.cut_one_way("eu", "us-east")
        # The question arrives in eu, and the answer does not come back.
        self.assertFalse(self.reaches("us-east", "eu"))
        self.assertGreater(network.bytes_and_packets("eu")[1], before)

    def test_pause_and_kill(self):
        backend = self.cluster["eu/orders1"]
        backend.pause()
        self.assertFalse(self.reaches("us-east", "eu"))
        backend.resume()
        self.assertTrue(self.reaches("us-east", "eu", timeout=5))
        backend.restart()
        await_(lambda: self.reaches("us-east", "eu"), what="the restarted backend answers")
        self.assertEqual(backend.stop(), 0)


if __name__ == "__main__":
    unittest.main()
