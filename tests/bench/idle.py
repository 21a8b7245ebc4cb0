#!/usr/bin/python3
"""What a cluster of three regions costs while nobody uses it: memory, CPU, and what it sends.

Needs root (network namespaces). The sample service and Redis run, no client does.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness.cluster import Cluster  # noqa: E402
from harness.memory import resident_kib  # noqa: E402
from harness.network import run  # noqa: E402
from harness.topology import topology  # noqa: E402

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


class Between:
    """Counts what passes between the regions, in the router: all bytes, and the TCP segments that
    carry data (an IPv4 header and a TCP header with timestamps are 52 bytes)."""

    def __init__(self, network):
        self.router = network.router
        self._nft("add table ip count\n"
                  "add counter ip count everything\n"
                  "add counter ip count data\n"
                  "add chain ip count forward { type filter hook forward priority -10; }\n"
                  "add rule ip count forward counter name everything\n"
                  "add rule ip count forward tcp flags & syn == 0 meta length > 52 "
                  "counter name data\n")

    def _nft(self, rules):
        return run("ip", "netns", "exec", self.router, "nft", "-f", "-", stdin=rules)

    def read(self):
        """(bytes, data segments) so far."""
        shown = run("ip", "netns", "exec", self.router, "nft", "list", "counters", "table", "ip",
                    "count")
        words = shown.split()
        values = {}
        for index, word in enumerate(words):
            if word == "counter":
                values[words[index + 1]] = {"packets": int(words[index + 4]),
                                            "bytes": int(words[index + 6])}
        return values["everything"]["bytes"], values["data"]["packets"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--short", action="store_true", help="5 seconds")
    options = parser.parse_args()
    if options.short:
        options.seconds = 5
    with Cluster(topology()) as cluster:
        cluster.create_certs().start()
        cluster.await_primary()
        primary, _ = cluster.await_followed()
        kinds = {
            "gateway of the primary": [cluster[name].pid for name in cluster.names("gw", primary)],
            "gateway elsewhere": [cluster[name].pid for name in cluster.names("gw")
                                  if not name.startswith(primary)],
            "node": [cluster[name].pid for name in cluster.names("n")],
        }
        between = Between(cluster.network)
        time.sleep(3)  # the elections' last words are not idle traffic
        pids = [pid for kind in kinds.values() for pid in kind]
        before, sent_before = {pid: cpu_seconds(pid) for pid in pids}, between.read()
        began = time.monotonic()
        time.sleep(options.seconds)
        took = time.monotonic() - began
        sent = [(after - start) / took for after, start in zip(between.read(), sent_before)]

        print(f"An idle cluster: 3 regions, 9 nodes, heartbeat 250 ms, over {took:.0f} s")
        print(f"{'':<28}{'resident MiB':>14}{'CPU %':>9}")
        for name, members in kinds.items():
            memory = statistics.mean(resident_kib(pid) for pid in members) / 1024
            cpu = statistics.mean(cpu_seconds(pid) - before[pid] for pid in members) / took * 100
            print(f"{name:<28}{memory:>14.1f}{cpu:>9.2f}")
        print(f"between the regions, all links together: {sent[0] / 1000:.1f} kB/s in "
              f"{sent[1]:.0f} messages/s")
        print("again: sudo python3 tests/bench/idle.py")


if __name__ == "__main__":
    main()
