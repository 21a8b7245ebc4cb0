#!/usr/bin/python3
"""What clients see of a change of primary: 2,000 writes a second from all three regions at once.

Needs root (network namespaces). Switchovers from region to region, and then unplanned failovers:
the primary's region cut off, and the primary's gateway killed. Exits with 1 when a request failed
that need not have, when a gap was longer than the goal, or when the promise was broken.
"""
import argparse
import collections
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness.cluster import LEASE_NS  # noqa: E402
from harness.load import (Change, LoadCluster, held, outcome_table,  # noqa: E402
                          switch, why_failed)
from harness.network import Network  # noqa: E402
from harness.topology import REGIONS, topology  # noqa: E402
from harness.wan import ROUND_TRIPS_MS, WanNetwork  # noqa: E402

GOAL_MS = 100
WIDE_GOAL_MS = 3 * max(ROUND_TRIPS_MS.values())
FAILOVERS = {
    "region cut off": lambda cluster, primary: cluster.network.isolate(primary),
    "gateway killed": lambda cluster, primary: cluster[f"{primary}/gw1"].kill(),
}


def started(options):
    network = WanNetwork if options.wide_area else Network
    cluster = LoadCluster(topology(hold="8s"), network).create_certs().start()
    primary = cluster.await_primary(deadline=60)
    cluster.await_followed()
    for region in cluster.regions:
        cluster.await_writable(region, expect=primary)
    load = cluster.load(rate=options.rate)
    cluster.await_taken(primary, load, options.rate // len(REGIONS))
    return cluster, load, primary


def switchovers(options):
    """(the changes, the load) of so many switchovers, to each region in turn, in the second half
    the other way around."""
    cluster, load, primary = started(options)
    with cluster:
        changes = []
        for number in range(options.switchovers):
            step = 1 if 2 * number < options.switchovers else -1
            new = REGIONS[(REGIONS.index(primary) + step) % len(REGIONS)]
            changes.append(switch(cluster, load, primary, new))
            # So that the next change does not fall into what is left of this one.
            cluster.await_taken(new, load, options.rate // len(REGIONS))
            primary = new
        load.stop()
        cluster.check_promise()
        return changes, load


def failovers(options, kind):
    """The same of failovers, each healed before the next one."""
    cluster, load, primary = started(options)
    with cluster:
        changes = []
        for _ in range(options.failovers):
            def fail(old=primary):
                FAILOVERS[kind](cluster, old)
                new = cluster.await_successor(old)
                heal(cluster, old)
                return new
            changes.append(Change(cluster, load, primary, fail))
            primary = changes[-1].new
            cluster.await_taken(primary, load, options.rate // len(REGIONS))
        load.stop()
        cluster.check_promise()
        return changes, load


def heal(cluster, old):
    cluster.network.heal()
    if not cluster[f"{old}/gw1"].alive():
        cluster[f"{old}/gw1"].start()


def row(name, values):
    return (f"{name:<34}{len(values):>6}{min(values):>9.0f}{statistics.median(values):>9.0f}"
            f"{max(values):>9.0f}")


def print_gaps(title, changes, load):
    """Returns the longest gap through any gateway."""
    print(f"{title:<34}{'times':>6}{'min ms':>9}{'median':>9}{'max':>9}")
    gaps = [change.gaps_ms(load) for change in changes]
    print(row("longest gap, all gateways together", [gap[None] for gap in gaps]))
    for gateway in load.summary["gateways"]:
        print(row(f"  through {gateway}", [gap[gateway] for gap in gaps]))
    return max(value for gap in gaps for value in gap.values())


def print_outcomes(load):
    print("\n".join(outcome_table(load)))
    latency = load.summary["latency_ms"]
    print("latency of the acknowledged, ms: " +
          ", ".join(f"{name} {value:.1f}" for name, value in latency.items()))


def run_switchovers(options):
    goal = WIDE_GOAL_MS if options.wide_area else GOAL_MS
    changes, load = switchovers(options)
    longest = print_gaps("switchover", changes, load)
    print_outcomes(load)
    failed = len(load.failed())
    print(f"failed requests: {failed} (goal: 0); longest gap {longest:.0f} ms "
          f"(goal: {goal:.0f} ms)\n")
    return failed == 0 and longest <= goal


def kind_of(write, changes):
    """Why the write failed, and how."""
    around = (change for change in changes
              if change.begin_ns - LEASE_NS <= write.start_ns <= change.end_ns)
    whys = [why_failed(write, change) for change in around] or ["without need"]
    return f"{min(whys)}: {write.outcome}"  # "without need" is the last one


def run_failovers(options, kind):
    changes, load = failovers(options, kind)
    print_gaps(f"failover, {kind}", changes, load)
    print_outcomes(load)
    failed = collections.Counter(kind_of(write, changes) for write in load.failed())
    for what, count in sorted(failed.items()):
        print(f"  failed {what:<46}{count:>8}")
    waited = [write for change in changes for write in held(load, change)]
    print(f"  {'held, then acknowledged by the new primary':<53}{len(waited):>8}\n")
    return not any(what.startswith("without need") for what in failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--switchovers", type=int, default=20)
    parser.add_argument("--failovers", type=int, default=3, help="of each kind")
    parser.add_argument("--short", action="store_true", help="6 switchovers and 1 failover a kind")
    parser.add_argument("--rate", type=int, default=2000, help="writes a second, all regions")
    parser.add_argument("--wide-area", action="store_true",
                        help="regions 65, 80 and 140 ms apart, with jitter of up to 5 ms a way")
    options = parser.parse_args()
    if options.short:
        options.switchovers, options.failovers = 6, 1
    good = True
    print(f"{options.rate} writes a second through three regions" +
          (", 65, 80 and 140 ms apart\n" if options.wide_area else "\n"))
    if options.switchovers:
        good &= run_switchovers(options)
    for kind in FAILOVERS if options.failovers else ():
        good &= run_failovers(options, kind)
    print("again: sudo python3 tests/bench/switchover.py" +
          (" --wide-area" if options.wide_area else ""))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
