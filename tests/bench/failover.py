#!/usr/bin/python3
"""How long an unplanned failover takes: from the cut of the primary's region to the first write
that is acknowledged in the new one. The same on a three-member etcd of default settings.

Needs root (network namespaces). Clients in both remaining regions begin a write every 25 ms.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness.clients import Connection  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.network import Network  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.topology import REGIONS, topology  # noqa: E402
from harness.wait import await_  # noqa: E402
from harness.wan import WanNetwork  # noqa: E402

INTERVAL_SECONDS = 0.025
GIVE_UP_SECONDS = 30


class Probes:
    """Begins write(region) in each region every INTERVAL_SECONDS, each in a thread of its own,
    until one of them returns true; `done_ns` is when."""

    def __init__(self, regions, write):
        self.regions = regions
        self.write = write
        self.done_ns = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.done.is_set():
            for region in self.regions:
                threading.Thread(target=self._one, args=(region,), daemon=True).start()
            self.done.wait(INTERVAL_SECONDS)

    def _one(self, region):
        try:
            taken = self.write(region)
        except (OSError, ValueError, KeyError):
            return
        if taken and not self.done.is_set():
            self.done_ns = time.monotonic_ns()
            self.done.set()

    def wait(self):
        if not self.done.wait(GIVE_UP_SECONDS):
            self.done.set()
            raise SystemExit(f"no write was acknowledged within {GIVE_UP_SECONDS} s of the cut")
        self.thread.join()
        return self.done_ns


def measure(network, regions, cut_off, write):
    """Milliseconds from the cut of one region to the first write for which write(region) holds."""
    others = [region for region in regions if region != cut_off]
    probes = Probes(others, write)
    # Traffic is flowing when the cut comes, and never at the same point of a renewal.
    time.sleep(0.3 + int.from_bytes(os.urandom(2), "big") / 65536)
    began_ns = time.monotonic_ns()
    network.isolate(cut_off)
    return (probes.wait() - began_ns) / 1e6


def regent_trials(count, progress, network):
    with Cluster(topology(hold="5s"), network) as cluster:
        cluster.create_certs().start()
        results = []
        for trial in range(count):
            cluster.await_primary(deadline=30)
            primary, epoch = cluster.await_followed(deadline=30)
            for region in cluster.regions:
                cluster.await_writable(region, expect=primary)

            def write(region):
                answer = cluster.ask(region, "POST", "/orders", {"id": os.urandom(8).hex()})
                return answer.status == 201 and int(answer.headers["Regent-Epoch"]) > epoch
            results.append(measure(cluster.network, cluster.regions, primary, write))
            progress("regent", trial, results[-1])
            cluster.network.heal()
        cluster.check_promise()
        return results


class Etcd:
    """Three members, one a region, all settings at their defaults."""

    def __init__(self, network):
        self.work = tempfile.mkdtemp(prefix="etcd-bench-")
        self.network = network(REGIONS)
        self.processes = []
        self.host = {region: f"10.0.{number}.10" for number, region in enumerate(REGIONS, start=1)}
        peers = ",".join(f"{region}=http://{host}:2380" for region, host in self.host.items())
        for region, host in self.host.items():
            self.network.add_address(region, host)
            process = Process(f"{region}/etcd", self.network.namespace(region), [
                "etcd", "--name", region, "--data-dir", f"{self.work}/{region}",
                "--listen-client-urls", f"http://{host}:2379",
                "--advertise-client-urls", f"http://{host}:2379",
                "--listen-peer-urls", f"http://{host}:2380",
                "--initial-advertise-peer-urls", f"http://{host}:2380",
                "--initial-cluster", peers, "--initial-cluster-state", "new"],
                f"{self.work}/{region}.log")
            process.start()
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        self.network.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def ask(self, region, path, body):
        connection = Connection(self.network, region, self.host[region], 2379)
        try:
            return connection.ask("POST", path, body, {"Content-Type": "application/json"})
        finally:
            connection.close()

    def leader(self):
        """(region of the leader, term) when all members agree."""
        views = {}
        ids = {}
        for region in REGIONS:
            status = self.ask(region, "/v3/maintenance/status", {}).json()
            ids[status["header"]["member_id"]] = region
            views[region] = (status.get("leader"), status["raftTerm"])
        leader, term = views[REGIONS[0]]
        return (ids[leader], int(term)) if set(views.values()) == {(leader, term)} else None

    def put(self, region):
        """The term in which a write was taken; raises when it was not."""
        value = base64.b64encode(os.urandom(8)).decode()
        answer = self.ask(region, "/v3/kv/put", {"key": value, "value": value})
        return int(answer.json()["header"]["raft_term"])


def etcd_trials(count, progress, network):
    with Etcd(network) as etcd:
        results = []
        for trial in range(count):
            leader, term = await_(etcd.leader, 30, "the members of etcd agree on a leader")
            for region in REGIONS:
                await_(lambda region=region: etcd.put(region) == term, 30, "etcd takes writes")
            results.append(measure(etcd.network, REGIONS, leader,
                                   lambda region, term=term: etcd.put(region) > term))
            progress("etcd", trial, results[-1])
            etcd.network.heal()
        return results


def row(name, results):
    return (f"{name:<34}{len(results):>7}{min(results):>10.0f}"
            f"{statistics.median(results):>10.0f}{max(results):>10.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="5 trials")
    parser.add_argument("--without-etcd", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the single results, too")
    parser.add_argument("--wide-area", action="store_true",
                        help="regions 65, 80 and 140 ms apart, with jitter of up to 5 ms a way")
    options = parser.parse_args()
    if options.short:
        options.trials = 5
    network = WanNetwork if options.wide_area else Network

    def progress(what, trial, result):
        if sys.stderr.isatty():
            print(f"\r{what} {trial + 1}/{options.trials}: {result:.0f} ms   ", end="",
                  file=sys.stderr, flush=True)
    results = {"regent, lease 1.5 s": regent_trials(options.trials, progress, network)}
    if not options.without_etcd:
        results["etcd, defaults (election 1 s)"] = etcd_trials(options.trials, progress, network)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print("Unplanned failover: cut of the primary's region to the first write in the new one")
    print(f"{'':<34}{'trials':>7}{'min ms':>10}{'median':>10}{'max':>10}")
    for name, values in results.items():
        print(row(name, values))
    if options.json:
        print(json.dumps({name: [round(value) for value in values]
                          for name, values in results.items()}))
    print("again: sudo python3 tests/bench/failover.py" +
          (" --wide-area" if options.wide_area else ""))


if __name__ == "__main__":
    main()
