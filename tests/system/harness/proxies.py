"""Regent, HAProxy and nginx on loopback, each in front of a Recorder of its own.

No namespaces: the addresses are 127.0.92.x, the ports are free ones.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from .cluster import REGENT
from .recorder import Recorder
from .topology import to_yaml
from .wait import await_

HOST = "127.0.92.1"
NODE_HOST = "127.0.92.2"
BACKEND_HOST = "127.0.92.3"
MAX_BODY = "1MB"

HAPROXY = """global
  nbthread 1
  maxconn 1000
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
  server one {backend}
"""
NGINX = """daemon off; worker_processes 1; error_log stderr crit; pid {work}/nginx.pid;
events {{ worker_connections 1000; }}
http {{ access_log off;
  client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
  uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  upstream origin {{ server {backend}; keepalive 16; }}
  server {{ listen {host}:{port}; server_name shop;
    location / {{ proxy_pass http://origin; proxy_http_version 1.1;
      proxy_set_header Host $http_host; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; }} }} }}
"""


def free_ports(host, count):
    """Ports of `host` that are free at the moment, all different."""
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def find(program):
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


class Proxy:
    """A started proxy. Use it with `with`. `patience`: how long it may be silent in a conversation
    before it is taken to wait for more; the others only have to be shown as they are."""

    patience = 1.5
    service = "orders"

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="regent-requests-")
        self.recorder = Recorder(BACKEND_HOST)
        self.address = (HOST, free_ports(HOST, 1)[0])
        self.backend = f"{self.recorder.address[0]}:{self.recorder.address[1]}"
        self.child = None
        try:
            with open(f"{self.work}/log", "wb") as log:
                self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                              stderr=log, cwd=self.work)
            await_(self._answers, 30, f"{self.name} answers")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.child is not None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.recorder.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def write(self, name, text):
        path = f"{self.work}/{name}"
        pathlib.Path(path).write_text(text, encoding="utf-8")
        return path

    def log(self):
        return pathlib.Path(f"{self.work}/log").read_text(encoding="utf-8", errors="replace")

    def _answers(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log()}")
        with socket.create_connection(self.address, timeout=2) as sock:
            sock.sendall(b"POST /ready HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")
            return b" 200 " in sock.recv(4096)


class Regent(Proxy):
    """A cluster of one region: one node, one gateway."""

    name = "Regent"
    patience = 20

    def topology(self):
        peer, forward, admin, node = free_ports(HOST, 4)
        return {
            "cluster": "shop",
            "version": 1,
            "quorum": "hierarchical",
            "timing": {"heartbeat": "250ms", "lease": "1500ms", "clock_drift_ppm": 1000},
            "ports": {"peer": peer, "forward": forward, "admin": admin, "node": node},
            "regions": {"here": {"weight": 1, "gateways": {"gw1": HOST},
                                 "nodes": {"n1": NODE_HOST}}},
            "services": {"orders": {
                "protocol": "http", "port": self.address[1], "reads": "local", "hold": "5s",
                "max_body": MAX_BODY, "min_backends": 1,
                "health": {"path": "/health", "interval": "500ms", "timeout": "500ms", "rise": 1,
                           "fall": 100},
                "backends": {"here": [self.backend]},
            }},
        }

    def command(self):
        path = self.write("topology.yaml", to_yaml(self.topology()))
        subprocess.run([REGENT, "certs", "create", "--topology", path, "--out",
                        f"{self.work}/certs"], check=True, capture_output=True)
        return [REGENT, "local", "--topology", path, "--certs", f"{self.work}/certs",
                "--data", f"{self.work}/data"]

    @staticmethod
    def version():
        return _first_match(r"\d[\w.+-]*", REGENT, "version")


class HaProxy(Proxy):
    name = "HAProxy"

    def command(self):
        config = HAPROXY.format(host=HOST, port=self.address[1], backend=self.backend)
        return [find("haproxy"), "-q", "-f", self.write("haproxy.conf", config)]

    @staticmethod
    def version():
        return _first_match(r"\d[\w.]*", find("haproxy"), "-v")


class Nginx(Proxy):
    name = "nginx"

    def command(self):
        config = NGINX.format(host=HOST, port=self.address[1], backend=self.backend, work=self.work)
        return [find("nginx"), "-p", self.work, "-c", self.write("nginx.conf", config)]

    @staticmethod
    def version():
        return _first_match(r"\d[\w.]*", find("nginx"), "-v")


def installed():
    """The proxies that can be started on this machine, Regent last."""
    found = [kind for kind in (HaProxy, Nginx) if find(kind.name.lower())]
    return found + ([Regent] if os.access(REGENT, os.X_OK) else [])


def _first_match(pattern, *command):
    done = subprocess.run(command, capture_output=True, text=True)
    return re.search(pattern, done.stdout + done.stderr)[0]
