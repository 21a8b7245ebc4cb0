"""Regions as network namespaces, joined by a router namespace whose forward chain cuts them apart.

Nothing is made on the host's side but the names of the namespaces. Sockets made here belong to a
namespace for good, so a test opens connections from any region in any thread.
"""
import atexit
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import threading

RUN = "/run/netns"
PREFIX = "regent"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, stdin=None, check=True):
    """Runs a command, returns its output; raises with the command's own words when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: "
                           f"{done.stderr or done.stdout}")
    return done.stdout


class Network:
    """One namespace a region (address 10.0.R.x, R counted from 1) and a router between them.
    wan.py joins the same namespaces over long distances instead."""

    _made = 0

    def __init__(self, regions):
        if os.geteuid() != 0:
            raise RuntimeError("network namespaces need root")
        sweep()
        Network._made += 1
        self.id = f"{PREFIX}-{os.getpid()}-{Network._made}"
        self.regions = list(regions)
        self.router = f"{self.id}-router"
        self.cuts = set()
        atexit.register(self.close)
        for region in self.regions:
            self._add_namespace(self.namespace(region))
        self._join()

    def namespace(self, region):
        return f"{self.id}-{region}"

    def subnet(self, region):
        return f"10.0.{self.regions.index(region) + 1}.0/24"

    def add_address(self, region, address):
        run("ip", "-n", self.namespace(region), "address", "add", f"{address}/24", "dev", "eth0")

    def _add_namespace(self, name):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def _join(self):
        """Gives every region's namespace its eth0, with ways to all others."""
        self._add_namespace(self.router)
        run("ip", "netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, region in enumerate(self.regions, start=1):
            self._add_region(number, region)

    def _add_region(self, number, region):
        name = self.namespace(region)
        run("ip", "-n", self.router, "link", "add", f"r{number}", "type", "veth",
            "peer", "name", "eth0", "netns", name)
        run("ip", "-n", self.router, "address", "add", f"10.0.{number}.1/24", "dev", f"r{number}")
        run("ip", "-n", self.router, "link", "set", f"r{number}", "up")
        # Clients of the region have an address of their own.
        run("ip", "-n", name, "address", "add", f"10.0.{number}.2/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "route", "add", "default", "via", f"10.0.{number}.1")

    # Faults. Each call replaces the whole rule set in one transaction.

    def cut_one_way(self, source, target):
        """Drops what `source` sends to `target`; the other direction stays."""
        self.cuts.add((source, target))
        self._apply()

    def cut(self, one, other):
        self.cuts |= {(one, other), (other, one)}
        self._apply()

    def isolate(self, region):
        for other in self.regions:
            if other != region:
                self.cuts |= {(region, other), (other, region)}
        self._apply()

    def heal(self):
        self.cuts.clear()
        self._apply()

    def _apply(self):
        rules = "".join(f"add rule ip faults forward ip saddr {self.subnet(source)} "
                        f"ip daddr {self.subnet(target)} drop\n"
                        for source, target in sorted(self.cuts))
        run("ip", "netns", "exec", self.router, "nft", "-f", "-", stdin=(
            "add table ip faults\nflush table ip faults\n"
            "add chain ip faults forward { type filter hook forward priority 0; }\n" + rules))

    def socket(self, region):
        """A TCP socket of the region's namespace. Any thread."""
        made = self._socket(region, socket.SOCK_STREAM)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def datagram_socket(self, region):
        """A UDP socket of the region's namespace. Any thread."""
        return self._socket(region, socket.SOCK_DGRAM)

    def _socket(self, region, kind):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"{RUN}/{self.namespace(region)}", os.O_RDONLY)
        try:
            enter(there)
            try:
                return socket.socket(socket.AF_INET, kind)
            finally:
                enter(home)
        finally:
            os.close(there)
            os.close(home)

    def bytes_and_packets(self, region):
        """What passed between the region and the others: (bytes, packets), both directions."""
        shown = run("ip", "-n", self.namespace(region), "-s", "-j", "link", "show", "eth0")
        counters = json.loads(shown)[0]["stats64"]
        return (counters["rx"]["bytes"] + counters["tx"]["bytes"],
                counters["rx"]["packets"] + counters["tx"]["packets"])

    def close(self):
        atexit.unregister(self.close)
        for name in [self.router] + [self.namespace(region) for region in self.regions]:
            _remove(name)


def enter(descriptor):
    """Moves the calling thread into the network namespace."""
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _remove(name):
    """Drops the namespace and ends what runs in it; nobody else starts anything there."""
    if not os.path.exists(f"{RUN}/{name}"):
        return
    for pid in run("ip", "netns", "pids", name, check=False).split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    run("ip", "netns", "delete", name, check=False)


_sweeping = threading.Lock()


def sweep():
    """Removes the namespaces of test programs that died without cleaning up."""
    with _sweeping:
        for name in os.listdir(RUN) if os.path.isdir(RUN) else []:
            owner = re.match(rf"{PREFIX}-(\d+)-", name)
            if owner and not os.path.exists(f"/proc/{owner[1]}"):
                _remove(name)
