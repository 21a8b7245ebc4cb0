"""A cluster under load: regent_load writes through every region at a fixed rate, regent_orders
takes the orders, and what the clients remember can be held against what the backends recorded."""
import collections
import csv
import json
import os
import signal
import subprocess
import sys
import time

from .cluster import LEASE_NS, REGENT, SERVICE_PORT, Cluster
from .wait import await_

# Both are built beside the tests.
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(REGENT)), "tests")
END_SECONDS = 90
IN_FLIGHT = ("unknown", "timed_out")  # what a write may come to that was sent to who was lost
OUTCOMES = ("acknowledged", "refused", "unknown", "timed_out", "lost", "unreachable", "not_sent")


class LoadCluster(Cluster):
    """Its backends are fast: one process, REGION/orders1, is all backends of a region."""

    def _define_orders(self, region, number, listen):
        if number == 1:
            record = self.record_path(region)
            self.record_paths.append(record)
            backends = self.topology["services"]["orders"]["backends"][region]
            argv = [os.path.join(PROGRAMS, "regent_orders"), "--region", region, "--record", record]
            for address in backends:
                argv += ["--listen", address]
            self._add(f"{region}/orders1", region, argv)
        return listen.split(":")[0]

    def record_path(self, region):
        return f"{self.work}/{region}.records"

    def recorded_bytes(self, region):
        """How much the backends of the region have recorded: grows with every write taken."""
        path = self.record_path(region)
        return os.path.getsize(path) if os.path.exists(path) else 0

    def load(self, **options):
        """Starts to write through the gateways of all regions; see Load."""
        made = Load(self, **options)
        self.writers.append(made)
        return made.start()

    def await_taken(self, region, load, orders=20, deadline=30):
        """Waits until the region's backends have taken so many more orders of the load, and as many
        through each of its gateways."""
        path, offset = self.record_path(region), self.recorded_bytes(region)
        counts = collections.Counter()

        def enough():
            nonlocal offset
            with open(path, "rb") as file:
                file.seek(offset)
                lines = file.read().split(b"\n")[:-1]
            offset += sum(len(line) + 1 for line in lines)
            counts.update(load.gateway_of(json.loads(line)["id"]) for line in lines)
            return all(counts[name] >= orders for name in load.gateways)
        await_(enough, deadline, f"{region} takes orders through every gateway")


class Write:
    """One line of what regent_load remembers. Instants are the host's monotonic clock, ns."""

    __slots__ = ("id", "gateway", "key", "start_ns", "end_ns", "outcome", "status", "epoch",
                 "region", "error")

    def __init__(self, row):
        self.id, self.gateway, self.outcome = row["id"], row["gateway"], row["outcome"]
        self.key = row["key"] == "1"
        self.start_ns, self.end_ns = int(row["due_ns"]), int(row["answered_ns"])
        self.status = int(row["status"])
        self.epoch, self.region, self.error = row["epoch"], row["region"], row["error"]

    def __repr__(self):
        took = (self.end_ns - self.start_ns) / 1e6
        return (f"{self.id} through {self.gateway}: {self.outcome} {self.status} epoch "
                f"{self.epoch} {self.region} after {took:.0f} ms {self.error}")


class Load:
    """One regent_load over the first gateway of each region, or over `gateways` (REGION/NAME).
    They take turns."""

    _made = 0

    def __init__(self, cluster, rate=2000, keys="none", gateways=None, timeout=30, options=()):
        Load._made += 1
        self.name = f"load{Load._made}"
        self.records = f"{cluster.work}/{self.name}.csv"
        self.argv = [os.path.join(PROGRAMS, "regent_load"), "--rate", str(rate), "--keys", keys,
                     "--timeout", str(timeout), "--prefix", self.name, "--records", self.records,
                     *options]
        self.gateways = gateways or list(cluster.regions)
        for name in self.gateways:
            region, _, gateway = name.partition("/")
            address = cluster.gateway_address(region, gateway or None)
            self.argv += ["--gateway", f"{name}={address}:{SERVICE_PORT}@"
                          f"{cluster.network.namespace(region)}"]
        self.child = None
        self.writes = []
        self.summary = {}

    def start(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, text=True,
                                      stdout=subprocess.PIPE, start_new_session=True)
        return self

    def stop(self):
        """Ends it; every outcome is known when this returns."""
        if self.child is None:
            return self
        child, self.child = self.child, None
        child.send_signal(signal.SIGTERM)
        try:
            printed, _ = child.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise AssertionError(f"{self.name} does not end") from None
        assert child.returncode in (0, 1), f"{self.name} ended with {child.returncode}"
        self.summary = json.loads(printed)
        self.all_acknowledged = child.returncode == 0
        with open(self.records, encoding="utf-8") as file:
            self.writes = [Write(row) for row in csv.DictReader(file)]
        return self

    def gateway_of(self, order):
        """Through which gateway an order was sent; None for one of somebody else."""
        prefix, _, number = order.rpartition("-")
        return self.gateways[int(number) % len(self.gateways)] if prefix == self.name else None

    def acknowledged(self):
        return [write for write in self.writes if write.outcome == "acknowledged"]

    def failed(self):
        return [write for write in self.writes if write.outcome != "acknowledged"]

    def outcomes(self, gateway=None):
        """{outcome: how many}, of one gateway or all."""
        shown = self.summary["gateways"][gateway] if gateway else self.summary
        return {outcome: count for outcome, count in shown["outcomes"].items() if count}

    def gap_ms(self, begin_ns, end_ns, gateway=None):
        """The longest time without an acknowledgement of which a part lies between the instants."""
        answered = sorted(write.end_ns for write in self.acknowledged()
                          if gateway in (None, write.gateway))
        gaps = [after - before for before, after in zip(answered, answered[1:])
                if after > begin_ns and before < end_ns]
        return max(gaps) / 1e6 if gaps else float("inf")


class Change:
    """A change of primary while a Load is going on: begun by action(), which returns the new one,
    and over when that takes writes through every gateway."""

    def __init__(self, cluster, load, old, action):
        self.old = old
        self.begin_ns = time.monotonic_ns()
        self.new = action()
        cluster.await_taken(self.new, load)
        self.end_ns = time.monotonic_ns()

    def gaps_ms(self, load):
        """{gateway: longest gap}; the key None stands for all gateways together."""
        return {gateway: load.gap_ms(self.begin_ns, self.end_ns, gateway)
                for gateway in [None, *load.summary["gateways"]]}


def switch(cluster, load, old, new, via=None):
    """A switchover, asked for at the region `via`; returns the Change once all follow it."""
    def order():
        cluster.switch_when_possible(via or old, new)
        assert cluster.await_followed()[0] == new
        return new
    return Change(cluster, load, old, order)


def why_failed(write, change):
    """Why a write failed that was under way around an unplanned change; `change` has the `old`
    primary and when it was lost, `begin_ns`."""
    if write.gateway == change.old:
        return "at the lost gateway itself"
    if write.outcome in IN_FLIGHT and write.start_ns < change.begin_ns + LEASE_NS:
        return "in flight to the lost region"
    return "without need"


def held(load, change):
    """The writes that came when there was no primary, and were acknowledged by the new one."""
    by_new = [write for write in load.acknowledged()
              if write.region == change.new and write.end_ns > change.begin_ns]
    first_ns = min(write.end_ns for write in by_new)
    return [write for write in by_new if change.begin_ns <= write.start_ns < first_ns]


def failover_table(load, change):
    """Lines of text: what came of the writes that the change had an effect on."""
    counts = collections.Counter((why_failed(write, change), write.outcome)
                                 for write in load.failed())
    lines = [f"{change.old} lost, {change.new} follows"]
    lines += [f"  failed {why + ': ' + outcome:<46}{count:>8}"
              for (why, outcome), count in sorted(counts.items())]
    for name in load.gateways:
        waited = [write.end_ns - write.start_ns for write in held(load, change)
                  if write.gateway == name]
        lines.append(f"  held at {name + ', then acknowledged':<45}{len(waited):>8}" +
                     (f"   longest {max(waited) / 1e6:.0f} ms" if waited else ""))
    return lines


def gap_table(changes, load):
    """Lines of text: the longest gap of each change, through each gateway and overall."""
    names = list(load.summary["gateways"])
    lines = ["".join([f"{'longest gap, ms':<24}", f"{'overall':>10}",
                      *(f"{'via ' + name:>14}" for name in names)])]
    for change in changes:
        gaps = change.gaps_ms(load)
        lines.append("".join([f"{change.old + ' to ' + change.new:<24}", f"{gaps[None]:>10.0f}",
                              *(f"{gaps[name]:>14.0f}" for name in names)]))
    return lines


def outcome_table(load):
    names = list(load.summary["gateways"])
    lines = ["".join([f"{'writes':<24}", *(f"{outcome:>14}" for outcome in OUTCOMES)])]
    for name in [*names, None]:
        counts = collections.Counter(load.outcomes(name))
        lines.append("".join([f"{'via ' + name if name else 'all':<24}",
                              *(f"{counts[outcome]:>14}" for outcome in OUTCOMES)]))
    return lines


def say(lines):
    print("\n".join(["", *lines]), file=sys.stderr, flush=True)
