"""The mirror in Redis: there, right, and of no importance to the routing."""
import threading
import time
import unittest

from harness.case import ClusterTest
from harness.redis import Redis
from harness.topology import topology
from harness.wait import await_, holds_for

KEY = "regent:{shop}:route"


class EpochWatch:
    """Reads the epoch in one region's Redis over and over. Epochs that went back are in `lower`."""

    def __init__(self, open_redis):
        self.open_redis = open_redis
        self.seen = []
        self.lower = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                with self.open_redis() as redis:
                    while not self._stop.is_set():
                        epoch = redis.command("HGET", KEY, "epoch")
                        if epoch is not None:
                            self._saw(int(epoch))
                        time.sleep(0.005)
            except OSError:
                time.sleep(0.02)

    def _saw(self, epoch):
        if self.seen and epoch < max(self.seen):
            self.lower.append((max(self.seen), epoch))
        if not self.seen or self.seen[-1] != epoch:
            self.seen.append(epoch)

    def stop(self):
        self._stop.set()
        self._thread.join()


class RedisTest(ClusterTest):
    def setUp(self):
        self.running = self.start_cluster(topology(hold="5s"))
        self.watches = {region: EpochWatch(lambda region=region: self.redis(region))
                        for region in self.running.regions}
        for watch in self.watches.values():
            self.addCleanup(watch.stop)
        for region in self.running.regions:
            self.await_mirror(region, "us-east")

    def redis(self, region):
        address = self.running.topology["regions"][region]["redis"]
        return Redis(self.running.network, region, address)

    def cache_state(self, region):
        return self.running.status(region)["route_cache"]["state"]

    def mirrored(self, region):
        with self.redis(region) as redis:
            return redis.hash(KEY)

    def await_mirror(self, region, primary, deadline=15):
        """Waits until the region's Redis names the primary in the epoch that the gateways know."""
        def right():
            route = self.mirrored(region)
            return route if route.get("primary") == primary and \
                int(route["epoch"]) == self.running.status(region)["epoch"] else None
        return await_(right, deadline, f"the mirror in {region} names {primary}")

    def assert_no_lower_epoch(self):
        for region, watch in self.watches.items():
            watch.stop()
            self.assertTrue(watch.seen, region)
            self.assertEqual(watch.lower, [], f"a lower epoch was visible in {region}")

    def start_writer(self, region):
        writer = self.running.writer(region)
        await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
        return writer

    def test_the_route_and_its_expiry(self):
        for region in self.running.regions:
            with self.redis(region) as redis:
                route = redis.hash(KEY)
                self.assertEqual(route["gateways"], "10.0.1.10:8080")
                now_ms = time.time() * 1000
                self.assertLess(abs(now_ms - int(route["updated_ms"])), 5000)

                def expires_within_the_lease(redis=redis):
                    left = redis.command("PTTL", KEY)
                    self.assertNotEqual(left, -1, "the key never expires")
                    return left <= 1500
                holds_for(expires_within_the_lease, 1, "the key outlives no lease", interval=0.01)
                self.assertGreater(redis.command("XLEN", "regent:{shop}:history"), 0)

    def test_changes_are_published(self):
        with self.redis("eu") as redis:
            self.assertEqual(redis.command("SUBSCRIBE", KEY)[0], "subscribe")
            redis.socket.settimeout(15)
            self.running.client("switchover", "--to", "us-west", region="us-east")

            def named():
                return '"us-west"' in redis.reply()[2]
            await_(named, what="the change on the channel")

    def test_killed_and_back_with_nothing(self):
        writers = [self.start_writer(region) for region in self.running.regions]
        epoch = self.running.status("us-east")["epoch"]
        for region in self.running.regions:
            self.running[f"{region}/redis"].kill()
        for region in self.running.regions:
            await_(lambda region=region: self.cache_state(region) == "down",
                   what=f"{region} tells that its Redis is down")
        for writer in writers:
            count = len(writer.acknowledged())
            await_(lambda writer=writer, count=count: len(writer.acknowledged()) > count + 50,
                   what="the writers go on")
        for region in self.running.regions:
            self.running[f"{region}/redis"].start()
            self.await_mirror(region, "us-east")
            self.assertEqual(self.cache_state(region), "up")
        self.running.stop_writers()
        for writer in writers:
            self.assertEqual(writer.failed(), [])
        self.assertEqual(self.running.status("us-east")["epoch"], epoch)
        self.assert_no_lower_epoch()

    def test_wiped(self):
        writer = self.start_writer("us-west")
        for region in self.running.regions:
            with self.redis(region) as redis:
                self.assertEqual(redis.command("FLUSHALL"), "OK")
            self.await_mirror(region, "us-east")
        writer.stop()
        self.assertEqual(writer.failed(), [])
        self.assert_no_lower_epoch()

    def test_frozen(self):
        writer = self.start_writer("us-east")
        epoch = self.running.status("us-east")["epoch"]
        for region in self.running.regions:
            self.running[f"{region}/redis"].pause()
        count = len(writer.acknowledged())
        holds_for(lambda: self.running.is_primary("us-east"), 4, "us-east keeps its lease")
        self.assertGreater(len(writer.acknowledged()), count + 100)
        for region in self.running.regions:
            self.running[f"{region}/redis"].resume()
            self.await_mirror(region, "us-east")
        writer.stop()
        self.assertEqual(writer.failed(), [])
        self.assertEqual(self.running.status("us-east")["epoch"], epoch)
        self.assert_no_lower_epoch()

    def test_follows_a_failover_and_never_goes_back(self):
        self.running.network.isolate("us-east")
        new = self.running.await_successor("us-east")
        for region in ("us-west", "eu"):
            self.await_mirror(region, new)
        # The mirror behind the cut goes out with the lease.
        await_(lambda: not self.mirrored("us-east"), what="the route expires in us-east")
        self.running.network.heal()
        self.await_mirror("us-east", new)
        self.assert_no_lower_epoch()

    def test_a_higher_epoch_in_redis_is_not_overwritten(self):
        with self.redis("eu") as redis:
            redis.command("HSET", KEY, "epoch", "99999999", "primary", "elsewhere")
            redis.command("PERSIST", KEY)
            holds_for(lambda: redis.command("HGET", KEY, "epoch") == "99999999", 2,
                      "the higher epoch stays")
            self.running.await_writable("eu", expect="us-east")
            redis.command("DEL", KEY)


if __name__ == "__main__":
    unittest.main()
