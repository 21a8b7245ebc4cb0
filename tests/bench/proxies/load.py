"""Load: wrk for as much as goes over HTTP/1.1, h2load for HTTP/2 and for a fixed rate."""
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from . import system

# The window of a measurement begins once so many requests per connection are through: by then all
# connections, handshakes and caches are as they stay.
WARM_UP_REQUESTS = 3
WARM_UP_SECONDS = 0.3  # at least
WARM_UP_LIMIT = 20.0
STREAMS = 8  # requests at a time of an HTTP/2 connection


@dataclasses.dataclass
class Closed:
    """As much as goes: every connection asks again once it is answered."""
    cpu_us: float  # of the proxy, per request
    rate: float  # requests per second


@dataclasses.dataclass
class Fixed:
    """At a given rate. Latencies in microseconds, from the request to the end of the answer."""
    cpu_us: float
    rate: float
    p50: float
    p99: float
    p999: float


class Load:
    def __init__(self, backend, cores, folder):
        self.backend, self.cores, self.folder = backend, cores, folder

    def closed(self, workers, url, entry, connections, seconds):
        if entry == "h2":
            # It reports only when it ends by itself.
            command = ["h2load", "-t", 1, "-c", connections, "-m", STREAMS, "-D",
                       int(seconds + 4), url]
        else:
            threads = min(len(self.cores), connections)
            command = ["wrk", "-t", threads, "-c", connections, "-d", 3600, "--timeout", 60,
                       url]
        child = self._start(command)
        took, cpu, requests = self._window(workers, connections, seconds)
        if entry != "h2":
            child.send_signal(signal.SIGINT)
        shown, _ = child.communicate()
        if re.search(r"Non-2xx|Socket errors: .*[1-9]| [1-9]\d* [345]xx", shown) or requests <= 0:
            sys.exit(f"not every request was answered well: {url}\n{shown}")
        return Closed(cpu / requests * 1e6, requests / took)

    def fixed(self, workers, url, entry, connections, seconds, rate):
        """`rate` requests a second, evenly over the connections."""
        log = pathlib.Path(self.folder) / "h2load.log"
        log.unlink(missing_ok=True)
        protocol = [] if entry == "h2" else ["--h1"]
        # Its log is written when it ends by itself.
        child = self._start(["h2load", *protocol, "-t", 1, "-c", connections, "-D",
                             int(seconds + 2), "--rps", rate / connections, "--log-file", log, url])
        began = time.time()
        took, cpu, requests = self._window(workers, connections, seconds)
        shown, _ = child.communicate()
        latencies = []
        for line in log.read_text(encoding="ascii").splitlines():
            start, status, micros = line.split("\t")[:3]
            if status != "200":
                sys.exit(f"not every request was answered well: {url}: {line}\n{shown}")
            if int(start) / 1e6 >= began + WARM_UP_SECONDS:
                latencies.append(int(micros))
        if not latencies or requests <= 0:
            sys.exit(f"nothing was answered: {url}\n{shown}")
        latencies.sort()
        at = [latencies[min(len(latencies) - 1, int(len(latencies) * part))]
              for part in (0.5, 0.99, 0.999)]
        return Fixed(cpu / requests * 1e6, requests / took, *at)

    def _window(self, workers, connections, seconds):
        """(seconds, the proxy's CPU seconds, requests) of a window behind the warm-up."""
        began, first = time.monotonic(), self.backend.requests()
        while True:
            time.sleep(WARM_UP_SECONDS)
            through = self.backend.requests() - first
            if through >= WARM_UP_REQUESTS * connections or \
                    time.monotonic() - began > WARM_UP_LIMIT:
                break
        before = self._read(workers)
        time.sleep(seconds)
        return [new - old for new, old in zip(self._read(workers), before)]

    def _start(self, command):
        return subprocess.Popen([system.find(command[0]), *map(str, command[1:])], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                preexec_fn=lambda: os.sched_setaffinity(0, self.cores))

    def _read(self, workers):
        """(time, CPU seconds of the proxy, requests at the backend)"""
        return time.monotonic(), system.cpu_seconds(workers), self.backend.requests()
