"""A whole cluster under test: real processes of a topology, each in its region's namespace."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import checker
from .clients import Connection, Writer, tls_context
from .network import Network
from .process import Process
from .topology import nodes_of, to_yaml
from .wait import await_

ROOT = pathlib.Path(__file__).resolve().parents[3]
REGENT = os.environ.get("REGENT", str(ROOT / "build/release/regent"))
ADMIN_PORT, PEER_PORT, NODE_PORT, SERVICE_PORT = 7480, 7400, 7500, 8080
LEASE_NS = 1_500_000_000


class Cluster:
    """Processes are called REGION/NAME: us-east/gw1, us-east/n2, us-east/redis, us-east/orders1.

    Use it with `with`: whatever happens, everything it started ends with the block. The work folder
    (logs, records, data) stays when `keep` is set. `network` is made from the names of the regions.
    """

    def __init__(self, topology, network=Network):
        self.topology = topology
        self.regions = list(topology["regions"])
        self.work = tempfile.mkdtemp(prefix="regent-system-")
        self.keep = False
        self.processes = {}
        self.record_paths = []
        self.writers = []
        self.network = network(self.regions)
        self.topology_path = self.write_topology("topology", topology)
        self.certs = f"{self.work}/certs"
        for folder in ("log", "data"):
            os.mkdir(f"{self.work}/{folder}")
        self._define()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for writer in self.writers:
            writer.stop()
        for process in self.processes.values():
            process.kill()
        self.network.close()
        if not self.keep:
            shutil.rmtree(self.work, ignore_errors=True)

    # The processes.

    def _define(self):
        for region, described in self.topology["regions"].items():
            addresses = set(described["gateways"].values()) | set(nodes_of(described).values())
            for gateway in described["gateways"]:
                self.define_regent("gateway", region, gateway)
            for node in nodes_of(described):
                self.define_regent("node", region, node)
            if "redis" in described:
                addresses.add(self._define_redis(region, described["redis"]))
            backends = self.topology["services"]["orders"]["backends"].get(region, [])
            for number, listen in enumerate(backends, start=1):
                addresses.add(self._define_orders(region, number, listen))
            for address in sorted(addresses):
                self.network.add_address(region, address)

    def define_regent(self, kind, region, name, topology_path=None, certs=None):
        """Defines (or redefines, for the next start) a node or gateway."""
        argv = [REGENT, kind, "--topology", topology_path or self.topology_path, "--region", region,
                "--name", name, "--certs", certs or self.certs]
        argv += ["--data", self.data(region, name)]
        self._add(f"{region}/{name}", region, argv)

    def _define_redis(self, region, listen):
        host, port = listen.split(":")
        folder = self.data(region, "redis")
        os.makedirs(folder)
        executable = None if shutil.which("redis-server") else "/usr/bin/redis-check-rdb"
        self._add(f"{region}/redis", region,
                  ["redis-server", "--bind", host, "--port", port, "--dir", folder, "--save", "",
                   "--daemonize", "no", "--protected-mode", "no"], executable)
        return host

    def _define_orders(self, region, number, listen):
        name = f"orders{number}"
        record = f"{self.work}/{region}.{name}.records"
        self.record_paths.append(record)
        self._add(f"{region}/{name}", region,
                  ["/usr/bin/python3", str(ROOT / "deploy/local/orders"), "--listen", listen,
                   "--region", region, "--data", self.data(region, "orders"), "--record", record])
        return listen.split(":")[0]

    def _add(self, name, region, argv, executable=None):
        old = self.processes.get(name)
        made = Process(name, self.network.namespace(region), argv,
                       f"{self.work}/log/{name.replace('/', '.')}.log", executable)
        if old is not None:
            made.child = old.child
        self.processes[name] = made

    def data(self, region, name):
        return f"{self.work}/data/{region}.{name}"

    def __getitem__(self, name):
        return self.processes[name]

    def names(self, what="", region=None):
        """Process names, of the kind gw, n, redis or orders, of one region or all."""
        def matches(name):
            place, own = name.split("/")
            return own.startswith(what) and (what != "n" or own[1:].isdigit()) and \
                region in (None, place)
        return [name for name in self.processes if matches(name)]

    def start(self, names=None):
        for name in names if names is not None else self.start_order():
            self.processes[name].start()
        return self

    def start_order(self):
        return self.names("redis") + self.names("orders") + self.names("n") + self.names("gw")

    # Files and the command line.

    def write_topology(self, stem, topology):
        path = f"{self.work}/{stem}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(to_yaml(topology))
        return path

    def create_certs(self):
        self.regent("certs", "create", "--topology", self.topology_path, "--out", self.certs)
        return self

    def regent(self, *argv, region=None, expect=0, timeout=60):
        """Runs the command line, in a region's namespace when given; returns what it prints."""
        command = [REGENT, *argv]
        if region:
            command = ["nsenter", f"--net=/run/netns/{self.network.namespace(region)}", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"regent {' '.join(argv)}: exit {done.returncode}, expected "
                                 f"{expect}\n{done.stdout}{done.stderr}")
        return done.stdout

    def client(self, verb, *argv, region, **options):
        """A client verb such as status, by the operator, at the region's own gateways."""
        admin = [word for address in self.topology["regions"][region]["gateways"].values()
                 for word in ("--admin", f"{address}:{ADMIN_PORT}")]
        return self.regent(verb, *argv, *admin, "--certs", self.certs, region=region, **options)

    def switch_when_possible(self, primary, target):
        """Orders a switchover until it is done: the target may not be ready yet."""
        await_(lambda: self.client("switchover", "--to", target, region=primary),
               what=f"a switchover from {primary} to {target}", interval=0.2)

    # Clients.

    def gateway_address(self, region, gateway=None):
        gateways = self.topology["regions"][region]["gateways"]
        return gateways[gateway] if gateway else next(iter(gateways.values()))

    def http(self, region, gateway=None, timeout=10):
        """A client's connection to a gateway of its own region."""
        return Connection(self.network, region, self.gateway_address(region, gateway), SERVICE_PORT,
                          timeout)

    def ask(self, region, method, path, body=None, headers=None, gateway=None):
        connection = self.http(region, gateway)
        try:
            return connection.ask(method, path, body, headers)
        finally:
            connection.close()

    def ask_when_listening(self, *request, **options):
        """The first answer of a gateway that may not listen yet."""
        return await_(lambda: self.ask(*request, **options), what=f"an answer from {request[0]}")

    def admin(self, region, path, method="GET", body=None, gateway=None, identity=None):
        connection = Connection(self.network, region, self.gateway_address(region, gateway),
                                ADMIN_PORT, timeout=40, tls=tls_context(self.certs, identity))
        try:
            return connection.ask(method, path, body)
        finally:
            connection.close()

    def status(self, region, gateway=None):
        return self.admin(region, "/v1/status", gateway=gateway).json()

    def writer(self, region, gateway=None, interval=0.01):
        name = f"{region}.{gateway or 'any'}.{len(self.writers)}"
        made = Writer(name, lambda: self.http(region, gateway), interval)
        self.writers.append(made)
        return made.start()

    def stop_writers(self):
        for writer in self.writers:
            writer.stop()

    # What the tests ask about.

    def is_primary(self, region, gateway=None):
        """Whether this gateway says that it holds a live lease."""
        try:
            return self.admin(region, "/primary", gateway=gateway).status == 200
        except OSError:
            return False

    def primaries(self):
        return [region for region in self.regions
                if any(self.is_primary(region, gateway)
                       for gateway in self.topology["regions"][region]["gateways"])]

    def await_primary(self, region=None, among=None, deadline=20):
        """Waits until one of `among` (or the one named) is primary; returns its name."""
        def found():
            for name in [region] if region else among or self.regions:
                if self.is_primary(name):
                    return name
            return None
        return await_(found, deadline, f"{region or 'any region'} is primary")

    def await_writable(self, region, deadline=20, expect=None):
        """Waits until a write through the region's gateway is acknowledged (by `expect`)."""
        def written():
            answer = self.ask(region, "POST", "/orders", {"id": f"probe-{os.urandom(6).hex()}"})
            return answer if answer.status == 201 and \
                expect in (None, answer.headers["Regent-Region"]) else None
        return await_(written, deadline,
                      f"a write through {region} is taken by {expect or 'someone'}")

    def await_successor(self, old, deadline=20):
        """Waits until another region than `old` is primary and its clients can write; its name.
        The ranks give a preference only: under load a lower one may be faster."""
        new = self.await_primary(among=[region for region in self.regions if region != old],
                                 deadline=deadline)
        self.await_writable(new, expect=new)
        return new

    def await_followed(self, deadline=20):
        """Waits until every gateway knows the same primary and epoch; returns them."""
        def agreed():
            views = {(status["primary"], status["epoch"]) for status in
                     (self.status(region, gateway) for region in self.regions
                      for gateway in self.topology["regions"][region]["gateways"])}
            view = views.pop()
            return view if not views and view[0] else None
        return await_(agreed, deadline, "every gateway knows the same primary")

    def records(self):
        return checker.read_records(self.record_paths)

    def check_promise(self, pauses=()):
        """Stops the writers and holds the records against the promise; `pauses` as the checker
        takes them."""
        self.stop_writers()
        found = checker.violations(self.records(), self.writers, pauses)
        if found:
            raise AssertionError(f"{len(found)} violations; {checker.PROMISE}:\n" +
                                 "\n".join(found[:20]))

    def describe(self, lines=12):
        """The last words of every process, for a failed test's report."""
        parts = [f"work folder: {self.work}"]
        for name, process in self.processes.items():
            if process.child is None:
                continue
            state = "running" if process.alive() else f"ended with {process.child.returncode}"
            tail = "\n".join("    " + line for line in process.log().splitlines()[-lines:])
            parts.append(f"--- {name}: {state}\n{tail}")
        for region in self.regions:
            try:
                parts.append(f"--- status at {region}: {json.dumps(self.status(region))}")
            except (OSError, ValueError) as error:
                parts.append(f"--- status at {region}: {error!r}")
        return "\n".join(parts)
