"""CPU per proxied request: Regent's data plane, HAProxy (HTTP mode) and nginx, in turn, with one
worker each, in front of the same small backend.

    tests/bench/proxy.py [--seconds 4] [--rounds 5] [--connections 64]

The load is wrk over keep-alive connections. CPU is the user and system time of the proxy's process
during the run, from /proc, divided by the answered requests. Everything listens on 127.0.91.x.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORIGIN, PROXY = "127.0.91.1", "127.0.91.2"
BODY = "0123456789" * 6

NGINX_ORIGIN = """daemon off; worker_processes 1; error_log stderr crit; pid {dir}/origin.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {dir}/ob; proxy_temp_path {dir}/op; fastcgi_temp_path {dir}/of;
  uwsgi_temp_path {dir}/ou; scgi_temp_path {dir}/os;
  server {{ listen {host}:{port}; location / {{ return 200 "{body}"; }} }} }}
"""
NGINX_PROXY = """daemon off; worker_processes 1; error_log stderr crit; pid {dir}/proxy.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {dir}/pb; proxy_temp_path {dir}/pp; fastcgi_temp_path {dir}/pf;
  uwsgi_temp_path {dir}/pu; scgi_temp_path {dir}/ps;
  upstream origin {{ server {origin}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen {host}:{port};
    location / {{ proxy_pass http://origin; proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; }} }} }}
"""
HAPROXY = """global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend clients
  bind {host}:{port}
  http-request set-header X-Forwarded-Proto http
  default_backend origin
backend origin
  http-reuse always
  server one {origin}
"""


def free_ports(host, count):
    """Ports of `host` that are free next to each other."""
    while True:
        with socket.socket() as first:
            first.bind((host, 0))
            port = first.getsockname()[1]
        if port + count > 65535:
            continue
        try:
            for number in range(port, port + count):
                with socket.socket() as probe:
                    probe.bind((host, number))
            return port
        except OSError:
            continue


def wait_until_open(host, port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"proxy.py: {process.args[0]} ended with status {process.returncode}")
        try:
            with socket.create_connection((host, port), timeout=1) as probe:
                probe.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                if b" 200 " in probe.recv(64):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    sys.exit(f"proxy.py: {process.args[0]} does not answer at {host}:{port}")


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def cpu_seconds(pid):
    """User and system time of a process and its children, so far."""
    ticks = 0
    for one in [pid, *children(pid)]:
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="regent-bench-"))
        self.processes = []

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def launch(self, *command):
        process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self):
        port = free_ports(ORIGIN, 1)
        origin = f"{ORIGIN}:{port}"
        config = self.write("origin.conf", NGINX_ORIGIN.format(
            dir=self.folder, host=ORIGIN, port=port, body=BODY))
        nginx, haproxy = shutil.which("nginx") or "/usr/sbin/nginx", shutil.which("haproxy")
        process = self.launch(nginx, "-p", self.folder, "-c", config)
        wait_until_open(ORIGIN, port, process)

        base = free_ports(PROXY, 4)
        regent = self.launch(self.options.binary, PROXY, base, ORIGIN, port, self.folder / "certs")
        other = self.write("haproxy.conf", HAPROXY.format(host=PROXY, port=base + 2, origin=origin))
        haproxy = self.launch(haproxy or "/usr/sbin/haproxy", "-q", "-f", other)
        config = self.write("proxy.conf", NGINX_PROXY.format(
            dir=self.folder, host=PROXY, port=base + 3, origin=origin))
        nginx = self.launch(nginx, "-p", self.folder, "-c", config)
        proxies = {"regent": (regent, base), "haproxy": (haproxy, base + 2),
                   "nginx": (nginx, base + 3)}
        for process, port in proxies.values():
            wait_until_open(PROXY, port, process)
        return proxies

    def measure(self, process, port):
        """(microseconds of CPU per request, requests per second)"""
        before = cpu_seconds(process.pid)
        run = subprocess.run(
            ["wrk", "-t1", f"-c{self.options.connections}", f"-d{self.options.seconds}",
             f"http://{PROXY}:{port}/"], capture_output=True, text=True, check=True)
        used = cpu_seconds(process.pid) - before
        if "Non-2xx" in run.stdout or "Socket errors" in run.stdout:
            sys.exit(f"proxy.py: not every request was answered well:\n{run.stdout}")
        requests = int(re.search(r"(\d+) requests in", run.stdout).group(1))
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", run.stdout).group(1))
        return used / requests * 1e6, rate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--binary", default=ROOT / "build/release/tests/proxy_gateway")
    bench = Bench(parser.parse_args())
    try:
        proxies = bench.start()
        cpu = {name: [] for name in proxies}
        rates = {name: [] for name in proxies}
        for _ in range(bench.options.rounds):
            for name, (process, port) in proxies.items():
                used, rate = bench.measure(process, port)
                cpu[name].append(used)
                rates[name].append(rate)
    finally:
        bench.close()
    print(f"CPU per proxied request: {len(BODY)} bytes, keep-alive, {bench.options.connections} "
          f"connections, {bench.options.rounds} rounds of {bench.options.seconds} s in turn")
    print(f"{'proxy':10} {'median us':>10} {'min us':>8} {'max us':>8} {'median req/s':>13}")
    for name, values in cpu.items():
        print(f"{name:10} {statistics.median(values):10.1f} {min(values):8.1f} {max(values):8.1f} "
              f"{statistics.median(rates[name]):13.0f}")
    ours = statistics.median(cpu["regent"])
    for name in ("haproxy", "nginx"):
        print(f"regent / {name}: {ours / statistics.median(cpu[name]):.2f}")


if __name__ == "__main__":
    main()
