"""Regions far apart: the namespaces of a Network, joined by a relay between TUN devices that gives
each direction of each pair its delay, jitter, loss and cuts. The kernel needs no netem for it."""
import atexit
import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys

from .network import Network, run

ROUND_TRIPS_MS = {
    frozenset(("us-east", "us-west")): 65,
    frozenset(("us-east", "eu")): 80,
    frozenset(("us-west", "eu")): 140,
}
TUN = "/dev/net/tun"


@dataclasses.dataclass(frozen=True)
class Shape:
    """How bad the way from one region to another is. Jitter is added to the delay, evenly from 0
    up; `reorder` is the chance that a packet may overtake the ones before it."""
    jitter_ms: float = 5
    loss: float = 0
    extra_ms: float = 0
    reorder: float = 0


class WanNetwork(Network):
    """Addresses and cuts as in Network. What is on its way when a cut is made is lost."""

    def __init__(self, regions, round_trips_ms=None, seed=1):
        self.round_trips_ms = round_trips_ms or ROUND_TRIPS_MS
        self.seed = seed
        self.shapes = {}
        self.relay = None
        if not os.path.exists(TUN):
            raise RuntimeError(f"{TUN} is missing: load the kernel module tun (modprobe tun), or "
                               "make the device: mknod /dev/net/tun c 10 200")
        super().__init__(regions)

    def _join(self):
        self.control, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(30)
        with far_end:
            self.relay = subprocess.Popen(
                [sys.executable, "-B", "-m", "harness.relay", str(far_end.fileno())],
                cwd=pathlib.Path(__file__).resolve().parents[1], stdin=subprocess.DEVNULL,
                pass_fds=[far_end.fileno()], start_new_session=True)
        self._tell({"namespaces": [self.namespace(region) for region in self.regions],
                    "seed": self.seed})
        for number, region in enumerate(self.regions, start=1):
            name = self.namespace(region)
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
            run("ip", "-n", name, "address", "add", f"10.0.{number}.2/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "route", "add", "default", "dev", "eth0", "src",
                f"10.0.{number}.2")
        self._apply()

    def pairs(self):
        """All ordered pairs of regions."""
        return [(source, target) for source in self.regions for target in self.regions
                if source != target]

    def shape(self, shape=Shape(), source=None, target=None):
        """Sets the shape of the ways from `source` to `target`; None stands for every region."""
        for pair in self.pairs():
            if source in (None, pair[0]) and target in (None, pair[1]):
                self.shapes[pair] = shape
        self._apply()

    def impose(self, cuts, shapes):
        """Replaces all cuts (ordered pairs) and shapes (by ordered pair) in one step."""
        self.cuts = set(cuts)
        self.shapes = dict(shapes)
        self._apply()

    def _apply(self):
        paths = []
        for source, target in self.pairs():
            shape = self.shapes.get((source, target), Shape())
            round_trip_ms = self.round_trips_ms[frozenset((source, target))]
            paths.append([self.regions.index(source), self.regions.index(target), {
                "delay_ns": int((round_trip_ms / 2 + shape.extra_ms) * 1e6),
                "jitter_ns": int(shape.jitter_ms * 1e6), "loss": shape.loss,
                "reorder": shape.reorder, "cut": (source, target) in self.cuts}])
        self._tell({"paths": paths})

    def figures(self):
        """What the relay did: packets passed, lost and dropped; by how much it delivered late."""
        return self._tell({})

    def _tell(self, message):
        """Returns the relay's answer, which it gives when the message is carried out."""
        try:
            self.control.send(json.dumps(message).encode())
            answer = self.control.recv(1 << 16)
        except OSError as error:
            raise RuntimeError(f"the relay does not answer: {error!r}") from error
        if not answer:
            raise RuntimeError(f"the relay has ended with exit code {self.relay.wait()}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        atexit.unregister(self.close)
        if self.relay is not None:
            self.control.close()
            self.relay.wait()
        super().close()
