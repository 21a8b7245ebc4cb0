"""The backend and the proxies before it, each configured for the same: no logs, kept connections,
one thread (or as many as asked for), X-Forwarded-For and -Proto.

A proxy offers some of these entries, each at a port of its own; `ports` has them:
  plain    HTTP/1.1
  tls      HTTP/1.1 or HTTP/2 over TLS
  tcp      bytes alone
  forward  HTTP/1.1; the request goes over mutual TLS to a second proxy of the same make, which has
           the backend
"""
import os
import pathlib
import socket
import ssl
import subprocess
import sys

from harness.proxies import free_ports

from . import system

BACKEND, PROXY, OTHER = "127.0.91.1", "127.0.91.2", "127.0.91.3"
BODIES = {"60": 60, "10k": 10_000, "1M": 1_000_000}
MAX_CONNECTIONS = 10_500

# Started by root, nginx would give its workers away to a user who may not read the files.
USER = "user root;" if os.geteuid() == 0 else ""
COMMON_NGINX = USER + """daemon off; worker_processes {threads}; error_log stderr crit;
pid {folder}/{name}.pid;
events {{ worker_connections {connections}; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; sendfile on;
  tcp_nopush on; open_file_cache max=100 inactive=1h;
  client_body_temp_path {folder}/{name}-b; proxy_temp_path {folder}/{name}-p;
  fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u;
  scgi_temp_path {folder}/{name}-s;
"""
BACKEND_NGINX = COMMON_NGINX + """
  server {{ listen {host}:{port} backlog=4096; root {folder}/files;
    location = /60 {{ return 200 "{small}"; }} location / {{ }} }}
  server {{ listen {host}:{count}; location / {{ stub_status; }} }} }}
"""
NGINX = COMMON_NGINX + """
  upstream backend {{ server {backend}; keepalive 1024; keepalive_requests 1000000000; }}
  upstream other {{ server {other}; keepalive 1024; keepalive_requests 1000000000; }}
  ssl_protocols TLSv1.2 TLSv1.3; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {{ listen {host}:{plain} backlog=4096; location / {{ proxy_pass http://backend; }} }}
  server {{ listen {host}:{tls} ssl http2 backlog=4096;
    ssl_certificate {public}.crt; ssl_certificate_key {public}.key;
    location / {{ proxy_pass http://backend; }} }}
  server {{ listen {host}:{inner} ssl backlog=4096; ssl_verify_client on;
    ssl_client_certificate {certs}/ca.crt;
    ssl_certificate {certs}/here.gw1.crt; ssl_certificate_key {certs}/here.gw1.key;
    location / {{ proxy_pass http://backend; }} }}
  server {{ listen {host}:{forward} backlog=4096; location / {{ proxy_pass https://other;
    proxy_ssl_certificate {certs}/there.gw1.crt; proxy_ssl_certificate_key {certs}/there.gw1.key;
    proxy_ssl_trusted_certificate {certs}/ca.crt; proxy_ssl_protocols TLSv1.3; }} }} }}
"""
HAPROXY = """global
  nbthread {threads}
  no strict-limits
  maxconn {connections}
  ca-base {certs}
  ssl-server-verify none
defaults
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  mode http
  option forwardfor
listen plain
  bind {host}:{plain} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-reuse always
  server backend {backend}
listen tls
  bind {host}:{tls} ssl crt {public}.pem alpn h2,http/1.1 backlog 4096
  http-request set-header X-Forwarded-Proto https
  http-reuse always
  server backend {backend}
listen inner
  bind {host}:{inner} ssl crt {certs}/here.pem ca-file ca.crt verify required backlog 4096
  http-request set-header X-Forwarded-Proto https
  http-reuse always
  server backend {backend}
listen forward
  bind {host}:{forward} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-reuse always
  server other {other} ssl crt {certs}/there.pem ca-file ca.crt
listen tcp
  mode tcp
  bind {host}:{tcp} backlog 4096
  server backend {backend}
"""
TOPOLOGY = """cluster: bench
version: 1
quorum: hierarchical
timing: {{ heartbeat: 250ms, lease: 1500ms, clock_drift_ppm: 1000 }}
ports: {{ peer: {peer}, forward: {forwarded}, admin: {admin}, node: {node} }}
{traffic}
regions:
  here: {{ weight: 1, gateways: {{ gw1: {host} }}, nodes: {{ n1: 127.0.91.12 }} }}
  there: {{ weight: 1, gateways: {{ gw1: {other} }}, nodes: {{ n1: 127.0.91.13 }} }}
services:
  plain:
    {{ protocol: http, port: {plain}, reads: primary, backends: {backends} }}
  tls:
    {{ protocol: http, port: {tls}, reads: primary, backends: {backends},
      tls: {{ cert: {public}.crt, key: {public}.key }} }}
  tcp:
    {{ protocol: tcp, port: {tcp}, backends: {backends} }}
"""
TRAFFIC = "traffic: {{ threads: {threads}, max_connections: {connections} }}"


class Backend:
    """nginx with answers of BODIES at /60, /10k and /1M; counts what it is asked."""

    def __init__(self, folder, cores):
        self.port, self.count_port = free_ports(BACKEND, 2)
        self.address = f"{BACKEND}:{self.port}"
        files = pathlib.Path(folder) / "files"
        files.mkdir()
        for name, size in BODIES.items():
            (files / name).write_bytes(b"0123456789" * (size // 10))
        config = pathlib.Path(folder) / "backend.conf"
        config.write_text(BACKEND_NGINX.format(
            folder=folder, name="backend", threads=len(cores), connections=MAX_CONNECTIONS,
            host=BACKEND, port=self.port, count=self.count_port, small="0123456789" * 6))
        log = f"{folder}/backend.log"
        self.processes = [system.launch([system.find("nginx"), "-p", folder, "-c", config], cores,
                                        log)]
        system.await_port((BACKEND, self.port), self.processes[0], log)

    def requests(self):
        """Requests so far, without those that ask for this."""
        with socket.create_connection((BACKEND, self.count_port)) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            text = b""
            while data := sock.recv(4096):
                text += data
        lines = text.decode().splitlines()
        heading = next(i for i, line in enumerate(lines) if line.startswith("server accepts"))
        numbers = lines[heading + 1]
        self._asked = getattr(self, "_asked", 0) + 1
        return int(numbers.split()[2]) - self._asked


class Proxy:
    """`processes`: the one that clients use first; for "forward" both do the work."""

    second = ()  # processes of the second proxy of a forwarded request

    def __init__(self, folder, cores, threads, backend, certs):
        names = ("plain", "tls", "tcp", "forward", "inner", "peer", "admin", "node")
        self.folder, self.cores, self.backend, self.certs = folder, cores, backend, certs
        self.ports = dict(zip(names, free_ports(PROXY, len(names))))
        self.values = dict(
            self.ports, folder=folder, threads=threads, connections=MAX_CONNECTIONS, host=PROXY,
            backend=backend.address, certs=certs, public=f"{certs}/public")
        self.processes, self.second = self.start()

    def workers(self, entry):
        return self.processes + (self.second if entry == "forward" else [])

    def address(self, entry):
        return (OTHER if entry == "forward" else PROXY, self.ports[entry])

    def url(self, entry, body):
        host, port = self.address(entry)
        return f"{'https' if entry == 'tls' else 'http'}://{host}:{port}/{body}"

    def entries(self):
        """What it offers, tried out: plain, tls, h2 (over TLS), tcp, forward."""
        found = [entry for entry in ("plain", "tls", "tcp", "forward") if self._serves(entry)]
        return found + (["h2"] if "tls" in found and self._speaks_h2() else [])

    def _serves(self, entry):
        try:
            with socket.create_connection(self.address(entry), timeout=5) as plain:
                sock = client_tls().wrap_socket(plain) if entry == "tls" else plain
                sock.sendall(b"GET /60 HTTP/1.1\r\nHost: bench\r\n\r\n")
                return b" 200 " in sock.recv(4096)
        except OSError:
            return False

    def _speaks_h2(self):
        context = client_tls()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(self.address("tls"), timeout=5) as plain:
            return context.wrap_socket(plain).selected_alpn_protocol() == "h2"

    def launch(self, name, *command):
        log = f"{self.folder}/{self.name}-{name}.log"
        process = system.launch(command, self.cores, log)
        return process, log

    def write(self, name, text):
        path = pathlib.Path(self.folder) / name
        path.write_text(text.format(**self.values))
        return path


class _TwoOfAKind(Proxy):
    """Both processes run one configuration; of the second, only the entry "forward" is used."""

    def start(self):
        started = []
        for host in (PROXY, OTHER):
            self.values.update(host=host, name=f"{self.name}-{host}",
                               other=f"{PROXY}:{self.ports['inner']}")
            config = self.write(f"{self.values['name']}.conf", self.template)
            process, log = self.launch(host, *self.command(config))
            system.await_port((host, self.ports["plain"]), process, log)
            started.append(process)
        return started[:1], started[1:]


class HaProxy(_TwoOfAKind):
    name = "haproxy"
    template = HAPROXY

    def command(self, config):
        return [system.find("haproxy"), "-f", config]


class Nginx(_TwoOfAKind):
    name = "nginx"
    template = NGINX

    def command(self, config):
        return [system.find("nginx"), "-p", self.folder, "-c", config]


class Regent(Proxy):
    name = "regent"
    binary = system.ROOT / "build/release/regent"
    gateway = system.ROOT / "build/release/tests/proxy_gateway"

    def start(self):
        self.values.update(other=OTHER, backends=f"{{ here: [\"{self.backend.address}\"], "
                                                 f"there: [\"{self.backend.address}\"] }}",
                           forwarded=self.ports["inner"])
        # Every gateway listens at the port of the service.
        self.ports["forward"] = self.ports["plain"]
        topology = self._topology()
        started = []
        for region, host in (("here", PROXY), ("there", OTHER)):
            process, log = self.launch(region, self.gateway, topology, region, "gw1", self.certs)
            system.await_port((host, self.ports["plain"]), process, log)
            started.append(process)
        return started[:1], started[1:]

    def _topology(self):
        """With a section on traffic where this version has one."""
        for traffic in (TRAFFIC, ""):
            path = self.write("topology.yaml", TOPOLOGY.replace("{traffic}", traffic))
            done = subprocess.run([self.binary, "topology", "check", path], capture_output=True,
                                  text=True)
            if done.returncode == 0:
                return path
        sys.exit(f"{path}: {done.stdout}{done.stderr}")


def make_certificates(folder):
    """The gateways' own certificates, and one for clients (public.crt); returns the folder."""
    certs = f"{folder}/certs"
    values = {"peer": 1, "forwarded": 2, "admin": 3, "node": 4, "traffic": "", "host": PROXY,
              "other": OTHER, "plain": 5, "tls": 6, "tcp": 7, "public": "/p",
              "backends": f"{{ here: [\"{BACKEND}:8\"] }}"}
    path = pathlib.Path(folder) / "certs.yaml"
    path.write_text(TOPOLOGY.format(**values))
    run(Regent.binary, "certs", "create", "--topology", path, "--out", certs)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=bench", "-days", "2", "-keyout", f"{certs}/public.key",
        "-out", f"{certs}/public.crt")
    for stem in ("public", "here.gw1", "there.gw1"):
        joined = "".join(pathlib.Path(f"{certs}/{stem}.{end}").read_text()
                         for end in ("crt", "key"))
        pathlib.Path(f"{certs}/{stem.removesuffix('.gw1')}.pem").write_text(joined)
    return certs


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def client_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
