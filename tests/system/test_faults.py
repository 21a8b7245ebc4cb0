#!/usr/bin/python3
"""A long sequence of faults over wide-area distances: cuts, loss, kills, pauses, switchovers.

    sudo python3 tests/system/test_faults.py [--seconds N] [--seed S]

The sequence comes from the seed alone. It goes in phases: some faults, overlapping at times; all
of them end; then a primary is found, clients everywhere write again, and it stays. Writers run at
every gateway all the time, the backends write down what they take, and at the end the promise is
held against what they wrote.
"""
import argparse
import collections
import statistics
import sys
import time
import unittest

from harness.case import ClusterTest
from harness.checker import region_changes, violations
from harness.cluster import LEASE_NS
from harness.faults import Injector, phases
from harness.topology import region, topology
from harness.wait import await_, holds_for
from harness.wan import WanNetwork

# A restarted gateway leaves better regions two leases, a node keeps everybody waiting one; what is
# left is for the start of 20 processes and their TCP connections, on a busy machine. Clients may
# take longer by as much as the faults lasted: TCP repeats at intervals that double.
RECOVERY_SECONDS = 4 * LEASE_NS / 1e9 + 6
CALM_SECONDS = 2
SHOWN_EVENTS = 25
options = argparse.Namespace(seconds=300, seed=1)


class FaultsTest(ClusterTest):
    def network(self, regions):
        return WanNetwork(regions, seed=options.seed)

    def command(self):
        return (f"sudo python3 tests/system/test_faults.py --seconds {options.seconds} "
                f"--seed {options.seed}")

    def say(self, text):
        line = f"{time.monotonic() - self.began:7.2f} s  {text}"
        self.events.append(line)
        print(line, flush=True)

    def test_sequence(self):
        print(f"\nseed {options.seed}, {options.seconds} s: {self.command()}", flush=True)
        self.events, self.began = [], time.monotonic()
        self.recoveries, self.codes = [], collections.Counter()
        cluster = self.start_cluster(topology({
            "us-east": region(1, gateways=2), "us-west": region(2), "eu": region(3)}, hold="2s"))
        self.injector = Injector(cluster, self.say)
        for place, described in cluster.topology["regions"].items():
            for gateway in described["gateways"]:
                cluster.writer(place, gateway, interval=0.02)
        self.addCleanup(self.injector.await_switchovers)
        try:
            self.run_phases(cluster)
            self.check(cluster)
        except BaseException:
            print(f"\nFAILED: {self.command()}\nthe last faults, from time_ns "
                  f"{self.began * 1e9:.0f} on:", file=sys.stderr)
            print("\n".join(self.events[-SHOWN_EVENTS:]), file=sys.stderr)
            print(f"relay (delivered late by seconds: the machine was overloaded): "
                  f"{cluster.network.figures()}", file=sys.stderr, flush=True)
            self.injector.end_all()
            raise

    def run_phases(self, cluster):
        self.await_recovery(cluster, self.began)
        self.recoveries.clear()
        self.began = time.monotonic()
        for number, faults in enumerate(phases(options.seed, cluster.regions), start=1):
            phase_began = time.monotonic()
            if phase_began - self.began >= options.seconds:
                break
            self.say(f"phase {number}")
            self.injector.run(faults)
            self.injector.end_all()
            self.await_recovery(cluster, phase_began)
        self.phases = number - 1

    def await_recovery(self, cluster, phase_began):
        """Within the bounds all gateways know a primary, their clients write, and it stays."""
        healed_ns = time.monotonic_ns()
        troubled_seconds = healed_ns / 1e9 - phase_began
        cluster.await_followed(RECOVERY_SECONDS)
        followed = (time.monotonic_ns() - healed_ns) / 1e9
        for writer in cluster.writers:
            left = RECOVERY_SECONDS + troubled_seconds - (time.monotonic_ns() - healed_ns) / 1e9
            await_(lambda writer=writer: writer.acknowledged_since(healed_ns), left,
                   f"{writer.name} writes again")
        written = (time.monotonic_ns() - healed_ns) / 1e9
        self.codes.update(self.injector.await_switchovers())
        primary, epoch = await_(lambda: self.calm_view(cluster), RECOVERY_SECONDS,
                                f"a primary that stays for {CALM_SECONDS} s")
        self.recoveries.append((followed, written))
        self.say(f"{primary} in epoch {epoch} is known after {followed:.2f} s, all write after "
                 f"{written:.2f} s")

    def calm_view(self, cluster):
        """The primary and its epoch, when nothing has changed for a while and all clients wrote.
        A gateway that hears late of the others may still stand once after the faults."""
        view = cluster.await_followed()
        began_ns = time.monotonic_ns()
        holds_for(lambda: cluster.primaries() == [view[0]], CALM_SECONDS,
                  f"{view[0]} stays primary, and nobody else")
        self.assertEqual(cluster.await_followed(), view)
        for writer in cluster.writers:
            self.assertTrue(writer.acknowledged_since(began_ns), f"{writer.name} has stopped")
        return view

    def check(self, cluster):
        cluster.stop_writers()
        records = cluster.records()
        changes = region_changes(records)
        attempts = [attempt for writer in cluster.writers for attempt in writer.attempts]
        taken = sum(attempt.acknowledged for attempt in attempts)
        silent = sum(attempt.status is None for attempt in attempts)
        print(f"\nseed {options.seed}: {self.phases} phases, "
              f"{sum(self.injector.counts.values())} faults of {len(self.injector.counts)} kinds\n"
              f"{len(attempts)} writes: {taken} acknowledged, {len(attempts) - taken - silent} "
              f"refused or unknown, {silent} without an answer; {len(records)} records\n"
              f"{records[-1]['epoch']} epochs, {len(changes)} changes of the primary region\n"
              f"after the faults {self.spread(0)} until a primary is known everywhere (bound "
              f"{RECOVERY_SECONDS:.0f} s), {self.spread(1)} until all clients write\n"
              f"switchover exit codes: {dict(self.codes)}\n"
              f"late writes excused by a pause: "
              f"{len(violations(records)) - len(violations(records, (), self.injector.pauses))}\n"
              f"relay: {cluster.network.figures()}", flush=True)
        self.assertGreater(len(changes), self.phases // 6, "the faults changed too little")
        cluster.check_promise(self.injector.pauses)

    def spread(self, which):
        values = [recovery[which] for recovery in self.recoveries]
        return f"median {statistics.median(values):.2f} s, max {max(values):.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=options.seconds)
    parser.add_argument("--seed", type=int, default=options.seed)
    parser.parse_args(namespace=options)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
