"""Sequences of faults: drawn from a seed, and done to a cluster over a WanNetwork.

The sequence is a pure function of the seed and the names of the regions. "primary" in it stands for
the region that is primary when the fault begins.
"""
import collections
import dataclasses
import random
import signal
import subprocess
import time

from .cluster import LEASE_NS, REGENT
from .wan import Shape

PRIMARY = "primary"
PHASE_SECONDS = 7  # within which the faults of a phase begin


@dataclasses.dataclass(frozen=True)
class Fault:
    """`begin` seconds after the phase began, for `lasts` seconds."""
    begin: float
    lasts: float
    kind: str
    arguments: tuple  # what the injector does, and with what

    def __str__(self):
        words = ", ".join(str(argument or "all") for argument in self.arguments[1:])
        return f"{self.kind} ({words}), {self.lasts:.2f} s"


class Draw:
    """What each kind of fault may look like. Every method returns a list of
    (begin, lasts, what the injector does, arguments), begin counted from the fault's own."""

    def __init__(self, rng, regions):
        self.rng = rng
        self.regions = regions

    def span(self, low, high):
        return round(self.rng.uniform(low, high), 2)

    def region(self):
        return self.rng.choice(self.regions)

    def pair(self):
        return tuple(self.rng.sample(self.regions, 2))

    def one(self, low, high, does, *arguments):
        return [(0, self.span(low, high), does, arguments)]

    def repeated(self, does, *arguments):
        made, begin = [], 0.0
        for _ in range(self.rng.randint(4, 8)):
            lasts = self.span(0.2, 1.2)
            made.append((round(begin, 2), lasts, does, arguments))
            begin += lasts + self.span(0.1, 1)
        return made

    def kinds(self):
        """One of each, drawn anew."""
        rng, lease = self.rng, LEASE_NS / 1e9
        return {
            "primary isolated": self.one(3, 8, "isolate", PRIMARY),
            "primary isolated for about a lease": self.one(0.5, 2, "isolate", PRIMARY),
            "region isolated": self.one(3, 8, "isolate", self.region()),
            "all apart": self.one(2, 6, "split"),
            "pair cut": self.one(3, 8, "cut", *self.pair()),
            "primary not heard": self.one(3, 8, "mute", PRIMARY),
            "primary does not hear": self.one(3, 8, "deafen", PRIMARY),
            "pair cut one way": self.one(3, 8, "cut_one_way", *self.pair()),
            "region flaps": self.repeated("isolate", self.region()),
            "primary flaps one way": self.repeated("mute", PRIMARY),
            "packets lost everywhere": self.one(
                3, 8, "shape", None, Shape(loss=self.span(0.05, 0.3))),
            "packets lost around a region": self.one(
                3, 8, "shape", self.region(), Shape(loss=self.span(0.2, 0.6))),
            "long delays": self.one(3, 8, "shape", rng.choice((None, self.region())), Shape(
                extra_ms=rng.randint(50, 400), jitter_ms=rng.randint(5, 200))),
            "packets overtake": self.one(3, 8, "shape", None, Shape(
                jitter_ms=rng.randint(20, 100), reorder=self.span(0.1, 0.6))),
            "primary's gateways killed": self.one(0, 5, "kill", PRIMARY, "gw"),
            "gateways killed": self.one(0, 5, "kill", self.region(), "gw"),
            "primary's gateways killed and back": self.one(0, 0.3, "kill", PRIMARY, "gw"),
            "nodes killed": self.one(0, 4, "kill_some", rng.randint(1, 4), rng.randint(0, 10**6)),
            "most nodes killed": self.one(0, 4, "kill_some", rng.randint(5, 9),
                                          rng.randint(0, 10**6)),
            "region killed": self.one(0, 6, "kill", rng.choice((PRIMARY, self.region())), ""),
            "others restarted behind a cut": [
                (0, self.span(3, 6), "isolate", (PRIMARY,)),
                (self.span(0.02, 0.3), 0.02, "kill_others", (PRIMARY,))],
            "everything killed": self.one(0, 2, "kill", None, ""),
            "primary's gateways paused": self.one(lease + 0.3, 5, "pause", PRIMARY, "gw"),
            "gateways paused": self.one(lease + 0.3, 5, "pause", self.region(), "gw"),
            "primary's gateways paused for about a lease": self.one(
                lease - 0.5, lease + 0.3, "pause", PRIMARY, "gw"),
            "nodes paused": self.one(1, 5, "pause", self.region(), "n"),
            "primary wholly paused": self.one(lease + 0.3, 5, "pause_regent", PRIMARY),
            "Redis killed": self.one(1, 6, "kill", rng.choice((None, self.region())), "redis"),
            "Redis paused": self.one(1, 6, "pause", rng.choice((None, self.region())), "redis"),
            "primary's service killed": self.one(0, 4, "kill", PRIMARY, "orders"),
            "switchover": self.one(0, 0, "switchover", *self.pair()),
            "switchover to and fro": [(begin, 0, "switchover", self.pair())
                                      for begin in (0, 1.5, 3)],
        }


def phases(seed, regions):
    """Endless lists of faults, sorted by begin. Every kind comes once before any comes again."""
    rng = random.Random(f"faults {seed}")
    draw = Draw(rng, list(regions))
    deck = []
    while True:
        faults = []
        for number in range(rng.choice((2, 2, 3, 3, 4, 5))):
            if not deck:
                deck = sorted(draw.kinds())
                rng.shuffle(deck)
            kind = deck.pop()
            begin = draw.span(0, PHASE_SECONDS) if number else 0
            faults += [Fault(round(begin + after, 2), lasts, kind, (does, *arguments))
                       for after, lasts, does, arguments in draw.kinds()[kind]]
        yield sorted(faults, key=lambda fault: fault.begin)


class Injector:
    """Does faults to a cluster and undoes them; one thread. `say` takes each deed as text.

    Faults may overlap: the network is the sum of those that last; what a fault killed is started at
    its end, what it paused goes on.
    """

    def __init__(self, cluster, say):
        self.cluster = cluster
        self.say = say
        self.network_faults = {}
        self.counts = collections.Counter()
        self.pauses = []  # (region, resumed_ns), one for each paused gateway
        self.switchovers = []
        self.last_primary = cluster.regions[0]

    def primary(self):
        """The region of the newest acknowledged write: needs nobody's answer."""
        newest = 0
        for writer in self.cluster.writers:
            attempt = writer.last_acknowledged()
            if attempt is not None and attempt.end_ns > newest:
                newest, self.last_primary = attempt.end_ns, attempt.region
        return self.last_primary

    def run(self, faults):
        """All faults of a phase, each at its time; returns when the last one has ended."""
        began = time.monotonic()
        events = [(fault.begin, number, fault) for number, fault in enumerate(faults)]
        undo = {}
        while events:
            events.sort(key=lambda event: event[:2])
            at, number, fault = events.pop(0)
            time.sleep(max(0.0, began + at - time.monotonic()))
            if number in undo:
                self.say(f"ends: {fault}")
                undo[number]()
                continue
            self.counts[fault.kind] += 1
            does, *arguments = fault.arguments
            place = self.primary()
            arguments = [place if argument == PRIMARY else argument for argument in arguments]
            self.say(f"begins: {fault}" + (f" at {place}" if PRIMARY in fault.arguments else ""))
            undo[number] = getattr(self, f"_{does}")(fault, *arguments)
            events.append((at + fault.lasts, number, fault))

    def end_all(self):
        """Undoes whatever lasts; every process runs when this returns."""
        self.network_faults.clear()
        self._apply()
        for process in self.cluster.processes.values():
            process.resume()
            if not process.alive():
                process.start()

    def await_switchovers(self):
        """Ends the commands that still wait; returns the exit codes of all."""
        codes = []
        for child in self.switchovers:
            try:
                codes.append(child.wait(15))
            except subprocess.TimeoutExpired:
                child.kill()
                codes.append(child.wait())
        self.switchovers.clear()
        return codes

    # The network.

    def _apply(self):
        cuts, shapes = set(), {}
        for more_cuts, more_shapes in self.network_faults.values():
            cuts |= more_cuts
            for pair, shape in more_shapes.items():
                old = shapes.get(pair, Shape())
                shapes[pair] = Shape(*(max(values) for values in zip(
                    dataclasses.astuple(old), dataclasses.astuple(shape))))
        self.cluster.network.impose(cuts, shapes)

    def _add(self, fault, cuts=(), shapes=None):
        self.network_faults[fault] = (set(cuts), shapes or {})
        self._apply()

        def remove():
            self.network_faults.pop(fault, None)
            self._apply()
        return remove

    def _pairs(self, source=None, target=None):
        return [pair for pair in self.cluster.network.pairs()
                if source in (None, pair[0]) and target in (None, pair[1])]

    def _isolate(self, fault, region):
        return self._add(fault, self._pairs(source=region) + self._pairs(target=region))

    def _split(self, fault):
        return self._add(fault, self._pairs())

    def _cut(self, fault, one, other):
        return self._add(fault, [(one, other), (other, one)])

    def _cut_one_way(self, fault, source, target):
        return self._add(fault, [(source, target)])

    def _mute(self, fault, region):
        return self._add(fault, self._pairs(source=region))

    def _deafen(self, fault, region):
        return self._add(fault, self._pairs(target=region))

    def _shape(self, fault, region, shape):
        return self._add(fault, shapes={
            pair: shape for pair in self._pairs(source=region) + self._pairs(target=region)})

    # The processes.

    def _kill(self, _, region, what):
        return self._kill_named(self.cluster.names(what, region))

    def _kill_others(self, _, region):
        """Nodes and gateways of all other regions: nothing in memory remembers the primary."""
        return self._kill_named([name for kind in ("n", "gw") for name in self.cluster.names(kind)
                                 if not name.startswith(f"{region}/")])

    def _kill_some(self, _, count, choice):
        nodes = self.cluster.names("n")
        return self._kill_named(random.Random(choice).sample(nodes, count))

    def _kill_named(self, names):
        processes = [self.cluster[name] for name in names]
        for process in processes:
            process.signal(signal.SIGKILL)
        for process in processes:
            process.kill()

        def start():
            for process in processes:
                if not process.alive():
                    process.start()
        return start

    def _pause(self, _, region, what):
        return self._pause_named(self.cluster.names(what, region))

    def _pause_regent(self, _, region):
        return self._pause_named(self.cluster.names("gw", region) + self.cluster.names("n", region))

    def _pause_named(self, names):
        for name in names:
            self.cluster[name].pause()

        def resume():
            for name in names:
                place, own = name.split("/")
                if own.startswith("gw"):
                    self.pauses.append((place, time.monotonic_ns()))
                self.cluster[name].resume()
        return resume

    def _switchover(self, _, target, via):
        cluster = self.cluster
        argv = ["nsenter", f"--net=/run/netns/{cluster.network.namespace(via)}", REGENT,
                "switchover", "--to", target, "--timeout", "8s", "--certs", cluster.certs]
        for address in cluster.topology["regions"][via]["gateways"].values():
            argv += ["--admin", f"{address}:7480"]
        self.switchovers.append(subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return lambda: None
