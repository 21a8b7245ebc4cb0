#!/usr/bin/python3
"""Whether busy connections that come and go leave memory behind: 1,000 of them, a tenth replaced
each second, 2,000 writes a second through three regions' gateways.

Needs root (network namespaces). Exits with 1 when a gateway's resident memory grew from the first
to the last third of the time by more than a twentieth, or when a write failed.
"""
import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness.load import LoadCluster, outcome_table  # noqa: E402
from harness.memory import resident_kib  # noqa: E402
from harness.topology import topology  # noqa: E402

SAMPLES = 30
MOST_GROWTH = 0.05


def sample(cluster, load, seconds):
    """[{gateway: resident KiB}], evenly spread over the time."""
    samples = []
    begin = time.monotonic()
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0, begin + seconds * number / SAMPLES - time.monotonic()))
        assert load.child.poll() is None, "the load has ended"
        samples.append({name: resident_kib(cluster[name].pid) for name in cluster.names("gw")})
        if sys.stderr.isatty():
            print(f"\r{number * 100 // SAMPLES} %", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return samples


def measure(options):
    """(resident KiB before, the samples, the load)."""
    with LoadCluster(topology(hold="5s")).create_certs().start() as cluster:
        primary = cluster.await_primary(deadline=60)
        for region in cluster.regions:
            cluster.await_writable(region, expect=primary)
        before = {name: resident_kib(cluster[name].pid) for name in cluster.names("gw")}
        each = -(-options.connections // len(cluster.regions))
        uses = max(1, 10 * options.rate // options.connections)
        load = cluster.load(rate=options.rate, options=[
            "--connections", str(each), "--uses", str(uses)])
        cluster.await_taken(primary, load, 2 * each)
        samples = sample(cluster, load, 60 * options.minutes)
        load.stop()
        cluster.check_promise()
        return before, samples, load


def print_table(before, samples):
    """Returns the largest growth, as a share."""
    third = len(samples) // 3
    print(f"{'resident memory, KiB':<24}{'before':>9}{'first third':>13}{'last third':>12}"
          f"{'max':>9}{'growth':>9}")
    largest = 0
    for name, at_first in before.items():
        values = [entry[name] for entry in samples]
        first, last = statistics.median(values[:third]), statistics.median(values[-third:])
        growth = last / first - 1
        largest = max(largest, growth)
        print(f"{name:<24}{at_first:>9}{first:>13.0f}{last:>12.0f}{max(values):>9}{growth:>9.1%}")
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--connections", type=int, default=1000, help="all gateways together")
    parser.add_argument("--rate", type=int, default=2000, help="writes a second")
    parser.add_argument("--short", action="store_true", help="half a minute")
    options = parser.parse_args()
    if options.short:
        options.minutes = 0.5
    before, samples, load = measure(options)
    print(f"{options.connections} busy connections, {options.connections // 10} replaced a second, "
          f"{options.minutes:g} minutes")
    growth = print_table(before, samples)
    print("\n".join(outcome_table(load)))
    print("again: sudo python3 tests/bench/churn.py --minutes 10")
    return 0 if growth <= MOST_GROWTH and not load.failed() else 1


if __name__ == "__main__":
    sys.exit(main())
