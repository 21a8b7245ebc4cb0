#!/usr/bin/python3
"""Memory for connections: Regent beside HAProxy and nginx, and whether it grows.

    tests/bench/connections.py [--short] [--idle 10000] [--busy 1000] [--churn 20] [--only regent]

Idle: each connection has had one request answered and stays open; the memory is what the proxy's
processes have more than before (proportional set size), by connection. Busy: all connections ask as
fast as they can; the memory is the highest seen. Churn: for so many seconds connections come, ask
once or break off in the middle, and go, plain and over TLS; the memory is looked at all the time.
--churn 600 is the long run. Everything listens on 127.0.91.x.
"""
import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from proxies import servers, system

ASK = b"GET /60 HTTP/1.1\r\nHost: bench\r\n\r\n"
SAMPLE_SECONDS = 0.5


class Idle:
    """Open connections, each with one answered request behind it."""

    def __init__(self, address, tls, count):
        self.sockets = []
        context = servers.client_tls() if tls else None
        for _ in range(count):
            sock = socket.create_connection(address, timeout=30)
            self.sockets.append(context.wrap_socket(sock) if tls else sock)
            self.sockets[-1].sendall(ASK)
            if not self.sockets[-1].recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit(f"no good answer from {address}")

    def close(self):
        for sock in self.sockets:
            sock.close()


class Breakers:
    """Threads that connect, send a part of a request or of a TLS handshake, and go."""

    PARTS = (b"", b"GET /60 HT", b"GARBAGE\r\n\r\n",
             b"POST /60 HTTP/1.1\r\nHost: bench\r\nContent-Length: 100\r\n\r\nhalf",
             b"GET /1M HTTP/1.1\r\nHost: bench\r\n\r\n")

    def __init__(self, addresses):
        self.ended = threading.Event()
        self.count = 0
        self.threads = [threading.Thread(target=self._run, args=(address,))
                        for address in addresses]
        for thread in self.threads:
            thread.start()

    def _run(self, address):
        while not self.ended.wait(0.005):
            try:
                with socket.create_connection(address, timeout=5) as sock:
                    sock.sendall(self.PARTS[self.count % len(self.PARTS)])
                    self.count += 1
            except OSError:
                pass

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def wrk(url, connections, seconds, cores, *more):
    return subprocess.Popen(
        [system.find("wrk"), "-t", "1", "-c", str(connections), "-d", str(int(seconds)), *more,
         url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores))


def sample_while(children, proxy):
    """Memory (bytes) every SAMPLE_SECONDS until all children have ended."""
    samples = []
    while any(child.poll() is None for child in children):
        samples.append(system.memory_bytes(proxy.processes))
        time.sleep(SAMPLE_SECONDS)
    return samples


def settle(proxy):
    """Memory once the proxy does nothing any more."""
    last = None
    while last is None or system.cpu_seconds(proxy.processes) - last > 0.02:
        last = system.cpu_seconds(proxy.processes)
        time.sleep(SAMPLE_SECONDS)
    return system.memory_bytes(proxy.processes)


def mib(count):
    return f"{count / 2**20:.1f} MiB"


def measure_idle(proxy, entry, count):
    before = settle(proxy)
    idle = Idle(proxy.address(entry), entry == "tls", count)
    grown = settle(proxy) - before
    idle.close()
    return f"{grown / count / 1024:.2f} KiB"


def measure_busy(proxy, entry, count, cores):
    before = settle(proxy)
    child = wrk(proxy.url(entry, "60"), count, 4, cores)
    highest = max(sample_while([child], proxy))
    shown = child.communicate()[0]
    if "Non-2xx" in shown:
        sys.exit(f"not every request was answered well: {proxy.name}\n{shown}")
    return f"{(highest - before) / count / 1024:.2f} KiB"


def measure_churn(proxy, seconds, cores):
    """Memory at the first quarter's end, at the highest after it, and at the end."""
    children = [wrk(proxy.url(entry, "60"), 32, seconds, cores, "-H", "Connection: close")
                for entry in ("plain", "tls")]
    breakers = Breakers([proxy.address("plain"), proxy.address("tls")])
    samples = sample_while(children, proxy)
    breakers.stop()
    requests = sum(int(child.communicate()[0].split(" requests in")[0].split()[-1])
                   for child in children)
    rest = samples[len(samples) // 4:]
    return [f"{requests + breakers.count:,}", mib(rest[0]), mib(max(rest)), mib(settle(proxy))]


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="regent-bench-")
        self.own, self.rest = system.split_cores(1)
        self.backend = None

    def __enter__(self):
        self.certs = servers.make_certificates(self.folder)
        self.backend = servers.Backend(self.folder, self.rest)
        return self

    def __exit__(self, *_):
        if self.backend is not None:
            system.end(self.backend.processes)
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self, kind, measure, *arguments):
        """What measure() finds of a proxy just started: memory that an earlier measurement left
        behind would serve the next one, too."""
        proxy = kind(self.folder, self.own, 1, self.backend, self.certs)
        try:
            return measure(proxy, *arguments)
        finally:
            system.end(proxy.processes + proxy.second)

    def row(self, kind):
        options = self.options
        cells = [kind.name, self.fresh(kind, lambda proxy: mib(settle(proxy)))]
        for entry in ("plain", "tls"):
            cells.append(self.fresh(kind, measure_busy, entry, options.busy, self.rest))
        for entry in ("plain", "tls"):
            cells.append(self.fresh(kind, measure_idle, entry, options.idle))
        if not options.churn:
            return cells + ["–"] * 4
        return cells + self.fresh(kind, measure_churn, options.churn, self.rest)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="no churn")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--busy", type=int, default=1_000)
    parser.add_argument("--churn", type=float, default=20)
    parser.add_argument("--only", choices=("haproxy", "nginx", "regent"))
    options = parser.parse_args()
    options.churn = 0 if options.short else options.churn
    system.allow_many_files()
    with Bench(options) as bench:
        rows = [bench.row(kind) for kind in (servers.HaProxy, servers.Nginx, servers.Regent)
                if options.only in (None, kind.name)]
    print(f"Connections: {system.machine()}; memory by connection, {options.idle} idle and "
          f"{options.busy} busy ones; {options.churn:.0f} s of churn\n")
    print("| proxy | at the start | busy, plain | busy, TLS | idle, plain | idle, TLS "
          "| connections in churn | after a quarter | highest | at the end |\n|" + "---|" * 10)
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print("\nagain: tests/bench/connections.py" + "".join(f" {word}" for word in sys.argv[1:]))


if __name__ == "__main__":
    main()
