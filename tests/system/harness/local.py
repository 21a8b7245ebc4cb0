"""A cluster that `regent local` runs: all regions in one network namespace, on its loopback."""
import os

from .cluster import REGENT, Cluster
from .network import Network, run
from .topology import region, topology


class OneMachine(Network):
    """One namespace for all regions, joined by nothing: every address is the machine's own."""

    def namespace(self, region):
        return f"{self.id}-machine"

    def _add_namespace(self, name):
        if not os.path.exists(f"/run/netns/{name}"):
            super()._add_namespace(name)

    def _join(self):
        pass

    def add_address(self, region, address):
        run("ip", "-n", self.namespace(region), "address", "add", f"{address}/32", "dev", "lo")


class LocalCluster(Cluster):
    """Its nodes and gateways are the children of one process, `regent`, and no processes here."""

    def __init__(self, described, network=OneMachine):
        super().__init__(described, network)
        argv = [REGENT, "local", "--topology", self.topology_path, "--certs", self.certs,
                "--data", f"{self.work}/data", "--allow-faults"]
        self._add("machine/regent", self.regions[0], argv)

    def define_regent(self, kind, region, name, topology_path=None, certs=None):
        pass

    def start_order(self):
        return self.names("redis") + self.names("orders") + ["machine/regent"]

    def pids(self, region, name):
        """The process ids of a node or gateway: one, or none while it is stopped."""
        found = []
        for pid in run("ip", "netns", "pids", self.network.namespace(region)).split():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    argv = file.read().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if argv[3:4] and f"--data\0{self.work}/data/{region}.{name}\0" in "\0".join(argv):
                found.append(int(pid))
        return found

    def pid(self, region, name):
        pid, = self.pids(region, name)
        return pid

    def stands_still(self, region, name):
        """Whether the process is stopped by a signal."""
        with open(f"/proc/{self.pid(region, name)}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"


def small_topology(**options):
    """Three regions with three nodes and one backend each."""
    described = topology({name: region(number) for number, name in
                          enumerate(("us-east", "us-west", "eu"), start=1)}, **options)
    for backends in described["services"]["orders"]["backends"].values():
        del backends[1:]
    return described
