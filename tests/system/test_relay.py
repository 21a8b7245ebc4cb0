"""The relay between distant regions: it delays, loses and cuts as told, and nothing else."""
import socket
import time
import unittest
import unittest.mock

from harness.wait import await_
from harness.wan import ROUND_TRIPS_MS, Shape, WanNetwork

PORT = 9000
REGIONS = ("us-east", "us-west", "eu")


class RelayTest(unittest.TestCase):
    def setUp(self):
        self.network = WanNetwork(REGIONS, seed=3)
        self.addCleanup(self.network.close)
        self.listeners = {}
        for number, region in enumerate(REGIONS, start=1):
            listener = self.network.datagram_socket(region)
            self.addCleanup(listener.close)
            listener.bind((f"10.0.{number}.2", PORT))
            listener.settimeout(0.5)
            self.listeners[region] = listener
        self.number = 0

    def address(self, region):
        return f"10.0.{REGIONS.index(region) + 1}.2", PORT

    def send(self, source, target, count=1):
        """Numbered datagrams; returns the numbers as sent."""
        sent = []
        for _ in range(count):
            self.number += 1
            sent.append(self.number)
            self.listeners[source].sendto(b"%d" % self.number, self.address(target))
        return sent

    def received(self, region, count=None):
        """`count` numbers in order of arrival, fewer when nothing comes for half a second."""
        numbers = []
        try:
            while count is None or len(numbers) < count:
                numbers.append(int(self.listeners[region].recv(100)))
        except TimeoutError:
            pass
        return numbers

    def passes(self, source, target):
        sent = self.send(source, target, 3)
        return self.received(target, 3) == sent

    def test_each_pair_has_its_own_delay(self):
        self.network.shape(Shape(jitter_ms=0))
        for pair, round_trip_ms in ROUND_TRIPS_MS.items():
            source, target = sorted(pair)

            def took_ms(source=source, target=target):
                began = time.monotonic()
                self.send(source, target)
                self.assertEqual(len(self.received(target, 1)), 1)
                self.send(target, source)
                self.assertEqual(len(self.received(source, 1)), 1)
                return (time.monotonic() - began) * 1000

            def close_to_it(expected=round_trip_ms, took_ms=took_ms):
                took = took_ms()
                self.assertGreaterEqual(took, expected)
                return took < expected + 10
            # Never shorter; a busy machine may make some of them longer.
            await_(close_to_it, what=f"a round trip of {round_trip_ms} ms ({source}, {target})")

    def test_jitter_keeps_the_order_and_reordering_does_not(self):
        self.network.shape(Shape(jitter_ms=50))
        sent = self.send("us-east", "eu", 100)
        self.assertEqual(self.received("eu"), sent)
        self.network.shape(Shape(jitter_ms=50, reorder=0.5))
        sent = self.send("us-east", "eu", 100)
        got = self.received("eu")
        self.assertNotEqual(got, sent)
        self.assertEqual(sorted(got), sent)

    def test_loss_is_as_told_and_in_one_direction(self):
        self.network.shape(Shape(loss=1), source="eu", target="us-east")
        self.assertFalse(self.passes("eu", "us-east"))
        self.assertTrue(self.passes("us-east", "eu"))
        self.assertTrue(self.passes("eu", "us-west"))
        self.network.shape(Shape(loss=0.3))
        sent = self.send("eu", "us-east", 200)
        got = self.received("us-east")
        self.assertTrue(set(got) <= set(sent))
        self.assertTrue(100 < len(got) < 180, len(got))
        self.network.shape()
        self.assertTrue(self.passes("eu", "us-east"))

    def test_cuts(self):
        for cut, heads in (
                (lambda: self.network.cut_one_way("eu", "us-east"), {("eu", "us-east")}),
                (lambda: self.network.cut("eu", "us-east"),
                 {("eu", "us-east"), ("us-east", "eu")}),
                (lambda: self.network.isolate("us-west"),
                 {pair for pair in self.network.pairs() if "us-west" in pair})):
            cut()
            for pair in self.network.pairs():
                self.assertEqual(self.passes(*pair), pair not in heads, pair)
            self.network.heal()
        for pair in self.network.pairs():
            self.assertTrue(self.passes(*pair), pair)

    def test_what_is_on_its_way_when_a_cut_is_made_is_lost(self):
        self.network.shape(Shape(extra_ms=1000))
        self.send("us-east", "eu")
        self.network.cut_one_way("us-east", "eu")
        self.listeners["eu"].settimeout(1.5)
        self.assertEqual(self.received("eu"), [])

    def test_what_is_sent_into_a_cut_is_lost_though_it_heals_in_time(self):
        self.network.shape(Shape(extra_ms=3000))
        self.network.cut_one_way("us-east", "eu")
        self.send("us-east", "eu")
        await_(lambda: self.network.figures()["dropped"], 2, "the datagram is dropped at once")
        self.network.heal()
        self.assertEqual(self.received("eu"), [])

    def test_the_same_seed_loses_the_same_packets(self):
        self.network.shape(Shape(loss=0.5))
        self.send("us-east", "eu", 64)
        first = self.received("eu")
        self.network.close()
        self.network = WanNetwork(REGIONS, seed=3)
        self.addCleanup(self.network.close)
        self.network.shape(Shape(loss=0.5))
        with self.network.datagram_socket("eu") as listener, \
                self.network.datagram_socket("us-east") as sender:
            listener.bind(self.address("eu"))
            listener.settimeout(0.5)
            self.listeners["eu"].close()
            self.listeners = {"eu": listener, "us-east": sender}
            self.number = 0
            self.send("us-east", "eu", 64)
            self.assertEqual(self.received("eu"), first)

    def test_an_end_of_the_relay_is_told(self):
        self.network.relay.kill()
        with self.assertRaisesRegex(RuntimeError, "relay"):
            self.network.heal()

    def test_a_machine_without_tun_devices_is_told_so(self):
        with unittest.mock.patch("harness.wan.TUN", "/dev/net/nothing"), \
                self.assertRaisesRegex(RuntimeError, "/dev/net/nothing is missing: .*modprobe tun"):
            WanNetwork(REGIONS)

    def test_networks_use_tcp_and_local_addresses_as_always(self):
        self.network.add_address("eu", "10.0.3.31")
        with self.network.socket("eu") as listener:
            listener.bind(("10.0.3.31", PORT))
            listener.listen()
            for region in REGIONS:
                with self.network.socket(region) as client:
                    client.settimeout(5)
                    client.connect(("10.0.3.31", PORT))
                    served, _ = listener.accept()
                    with served:
                        served.sendall(b"x" * 100000)
                        served.shutdown(socket.SHUT_WR)
                        size = 0
                        while piece := client.recv(65536):
                            size += len(piece)
                        self.assertEqual(size, 100000)


if __name__ == "__main__":
    unittest.main()
