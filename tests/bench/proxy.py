#!/usr/bin/python3
"""What a proxied request costs: Regent beside HAProxy and nginx, in turn, in one run.

    tests/bench/proxy.py [--short] [--rounds 5] [--seconds 2] [--only tls,forward] [--threads 1]
                         [--rate 4000] [--json FILE]

Every case is measured once a round for each proxy, then the next round begins; the table shows
medians with the smallest and largest value, and shares of medians. The proxies run on the same
cores (--threads of them), the backend and the load on the others, with one backend for all. CPU is
that of the proxy's processes, and requests are counted at the backend, both within the same window
behind a warm-up. As much as goes: each connection asks again once it is answered. At a fixed rate:
h2load's latencies, from request to answer; it sends late when it is late itself, so look at the
achieved rate, too. Everything listens on 127.0.91.x.
"""
import argparse
import collections
import dataclasses
import json
import os
import shutil
import statistics
import sys
import tempfile

from proxies import load, servers, system


@dataclasses.dataclass(frozen=True)
class Case:
    entry: str  # plain, tls, h2, tcp, forward
    body: str
    connections: int

    def __str__(self):
        names = {"plain": "HTTP/1.1", "tls": "HTTP/1.1 over TLS", "h2": "HTTP/2 over TLS",
                 "tcp": "TCP", "forward": "to another region"}
        return f"{names[self.entry]}, {self.body}B, {self.connections} connections"


OURS = "regent"
ENTRIES = ("plain", "tls", "h2", "forward", "tcp")
CASES = [Case(entry, body, connections) for entry in ENTRIES
         for body, connections in (("60", 1), ("60", 64), ("60", 1000), ("10k", 64), ("1M", 64))]
SHORT = [Case("plain", "60", 64), Case("plain", "60", 1000), Case("plain", "1M", 64)] + [
    Case(entry, "60", 64) for entry in ENTRIES[1:]]
FIXED = [Case(entry, body, 64) for entry in ENTRIES for body in ("60", "10k")]

GOALS = {  # of ratios of medians: (case, what): (other, at most)
    (Case("plain", "60", 64), "cpu_us"): {"haproxy": 0.85, "nginx": 1.0},
    (Case("plain", "60", 64), "p99"): {"haproxy": 1.0},
}


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="regent-bench-")
        own, rest = system.split_cores(options.threads)
        system.allow_many_files()
        self.backend, self.proxies = None, []
        try:
            certs = servers.make_certificates(self.folder)
            self.backend = servers.Backend(self.folder, rest)
            for kind in (servers.HaProxy, servers.Nginx, servers.Regent):
                self.proxies.append(kind(self.folder, own, options.threads, self.backend, certs))
        except BaseException:
            self.close()
            raise
        self.load = load.Load(self.backend, rest, self.folder)
        self.entries = {proxy.name: proxy.entries() for proxy in self.proxies}
        self.results = collections.defaultdict(list)  # (case, fixed, proxy): results

    def close(self):
        for proxy in self.proxies:
            system.end(proxy.processes + proxy.second)
        if self.backend is not None:
            system.end(self.backend.processes)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, cases, fixed):
        for number in range(self.options.rounds):
            for case, at_rate in [(case, False) for case in cases] + [(case, True)
                                                                      for case in fixed]:
                for proxy in self.proxies:
                    if case.entry in self.entries[proxy.name]:
                        print(f"\r\033[Kround {number + 1}: {case}, {proxy.name}", end="",
                              file=sys.stderr, flush=True)
                        self.results[case, at_rate, proxy.name].append(
                            self.measure(proxy, case, at_rate))
        print("\r\033[K", end="", file=sys.stderr, flush=True)

    def measure(self, proxy, case, at_rate):
        entry = "tls" if case.entry == "h2" else case.entry
        arguments = (proxy.workers(entry), proxy.url(entry, case.body), case.entry,
                     case.connections, self.options.seconds)
        if at_rate:
            return self.load.fixed(*arguments, self.options.rate)
        return self.load.closed(*arguments)

    def of(self, case, at_rate, name, what):
        return [getattr(result, what) for result in self.results[case, at_rate, name]]

    def median(self, *key):
        values = self.of(*key)
        return statistics.median(values) if values else None


def spread(values, digits):
    low, middle, high = (f"{value:,.{digits}f}" for value in
                         (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})" if len(values) > 1 else middle


def share(bench, case, at_rate, what, other):
    """Regent's median as a share of the other's, with the goal if there is one."""
    ours, theirs = (bench.median(case, at_rate, name, what) for name in (OURS, other))
    if other == OURS or not ours or not theirs:
        return ""
    if what == "rate" and case.body == "1M":
        return f"{ours / theirs:.2f} (goal ≥ 1.00)"
    goal = GOALS.get((case, what), {}).get(other)
    return f"{ours / theirs:.2f}" + (f" (goal ≤ {goal:.2f})" if goal else "")


def print_table(bench, cases, at_rate, columns):
    """columns: (field of the result, heading, digits behind the point, whether with a share)"""
    headings = ["case", "proxy"]
    for _, heading, _, shared in columns:
        headings += [heading] + (["Regent is"] if shared else [])
    print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    for case in cases:
        for proxy in bench.proxies:
            if not bench.of(case, at_rate, proxy.name, "rate"):
                continue
            cells = [str(case), proxy.name]
            for what, _, digits, shared in columns:
                cells.append(spread(bench.of(case, at_rate, proxy.name, what), digits))
                if shared:
                    cells.append(share(bench, case, at_rate, what, proxy.name))
            print("| " + " | ".join(cells) + " |")


def save(bench, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([{"case": str(case), "fixed_rate": at_rate, "proxy": name,
                    "results": [dataclasses.asdict(result) for result in results]}
                   for (case, at_rate, name), results in bench.results.items()], file, indent=1)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true",
                        help="the cases of the README alone, in three rounds of 1 s")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rate", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", help=f"of {','.join(ENTRIES)}")
    parser.add_argument("--connections", type=int, help="only the cases with so many")
    parser.add_argument("--body", choices=servers.BODIES, help="only the cases of this size")
    parser.add_argument("--json", help="writes all values to this file")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.short else 5)
    options.seconds = options.seconds or (1 if options.short else 2)
    return options


def main():
    options = parse()

    def wanted(case):
        return (not options.only or case.entry in options.only.split(",")) and \
            options.connections in (None, case.connections) and options.body in (None, case.body)
    cases = [case for case in (SHORT if options.short else CASES) if wanted(case)]
    fixed = [case for case in (FIXED[:1] if options.short else FIXED) if wanted(case)]
    bench = Bench(options)
    try:
        bench.run(cases, fixed)
    finally:
        bench.close()
    print(f"Proxies: {system.machine()}; {options.threads} core(s) for the proxy, "
          f"{options.rounds} round(s) of {options.seconds} s in turn, median (smallest–largest); "
          f"load average {os.getloadavg()[0]:.1f}")
    missing = [entry for entry in ENTRIES if entry not in bench.entries[OURS]]
    if missing:
        print(f"Regent does not offer here: {', '.join(missing)}")
    print("\nAs much as goes:\n")
    print_table(bench, cases, False, (("cpu_us", "µs of CPU per request", 1, True),
                                      ("rate", "requests/s", 0, True)))
    if fixed:
        print(f"\nAt {options.rate:,} requests/s, latencies in µs:\n")
        print_table(bench, fixed, True, (("cpu_us", "µs of CPU per request", 1, True),
                                         ("rate", "requests/s", 0, False), ("p50", "p50", 0, False),
                                         ("p99", "p99", 0, True), ("p999", "p99.9", 0, True)))
    if options.json:
        save(bench, options.json)
    print("again: tests/bench/proxy.py" + "".join(f" {word}" for word in sys.argv[1:]))


if __name__ == "__main__":
    main()
