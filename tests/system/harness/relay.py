"""The way between the regions of a WanNetwork: a process of its own that holds every packet back
for as long as its path takes.

Run by wan.py as `python3 -m harness.relay FD`, FD being one end of a SOCK_SEQPACKET pair. The first
message names the namespaces, each further one replaces all paths or asks for figures; each is
answered by one message. The process ends with the other end of the pair.
"""
import array
import contextlib
import fcntl
import gc
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

from .network import RUN, enter

TUN = "/dev/net/tun"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MESSAGE_BYTES = 1 << 16
PACKET_BYTES = 1 << 11
BATCH = 64
LATE_MS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, float("inf"))


def open_tun(namespace):
    """The descriptor of a new device eth0 in the namespace; it goes away with the descriptor."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"{RUN}/{namespace}", os.O_RDONLY)
    try:
        enter(there)
        try:
            made = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(made, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TUN | IFF_NO_PI))
        finally:
            enter(home)
    finally:
        os.close(there)
        os.close(home)
    return made


class Path:
    """What happens to packets from one region to another. Spans are in ns, chances from 0 to 1."""

    def __init__(self):
        self.last_due_ns = 0
        self.set(delay_ns=0, jitter_ns=0, loss=0, reorder=0, cut=True)

    def set(self, delay_ns, jitter_ns, loss, reorder, cut):
        self.delay_ns = delay_ns
        self.jitter_ns = jitter_ns
        self.loss = loss
        self.reorder = reorder
        self.cut = cut


class Relay:
    """Regions are numbered from 0; the packets of region R come from 10.0.R+1.x."""

    def __init__(self, control, namespaces, seed):
        self.control = control
        self.devices = [open_tun(namespace) for namespace in namespaces]
        self.number_of = {device: number for number, device in enumerate(self.devices)}
        self.paths = {}
        self.random = random.Random(seed)
        self.waiting = []  # heap of (due, sequence, path, device, packet)
        self.sequence = 0
        self.passed = self.dropped = self.lost = 0
        self.late = array.array("Q", [0] * len(LATE_MS))
        self.latest_ms = 0

    def run(self):
        # Not epoll: its timeouts are in whole milliseconds.
        watched = [self.control, *self.devices]
        while True:
            left = self.deliver_due()
            for ready in select.select(watched, (), (), left)[0]:
                if ready is not self.control:
                    self.take(ready)
                elif not self.obey():
                    return

    def deliver_due(self):
        """Returns the seconds until the next packet is due, None when none waits."""
        waiting = self.waiting
        while waiting:
            now = time.monotonic_ns()
            late_ns = now - waiting[0][0]
            if late_ns < 0:
                return -late_ns / 1e9
            _, _, path, device, packet = heapq.heappop(waiting)
            if path.cut:
                self.dropped += 1
                continue
            try:
                os.write(device, packet)
            except OSError:  # the device is not up yet, or its queue is full
                self.dropped += 1
                continue
            self.passed += 1
            self.count_late(late_ns / 1e6)
        return None

    def count_late(self, late_ms):
        self.latest_ms = max(self.latest_ms, late_ms)
        for index, bound in enumerate(LATE_MS):
            if late_ms <= bound:
                self.late[index] += 1
                return

    def take(self, device):
        """Reads what a region has sent, a bounded number of packets."""
        source = self.number_of[device]
        for _ in range(BATCH):
            try:
                packet = os.read(device, PACKET_BYTES)
            except BlockingIOError:
                return
            self.send(source, packet)

    def send(self, source, packet):
        target = packet[18] - 1 if packet[0] >> 4 == 4 and packet[16:18] == b"\x0a\x00" else -1
        path = self.paths.get((source, target))
        if path is None or path.cut:
            self.dropped += 1
            return
        if path.loss and self.random.random() < path.loss:
            self.lost += 1
            return
        due = time.monotonic_ns() + path.delay_ns
        if path.jitter_ns:
            due += self.random.randrange(path.jitter_ns)
        # Packets of a path stay in order, as they mostly do on real ones.
        if not (path.reorder and self.random.random() < path.reorder):
            due = path.last_due_ns = max(due, path.last_due_ns)
        self.sequence += 1
        heapq.heappush(self.waiting, (due, self.sequence, path, self.devices[target], packet))

    def obey(self):
        """Carries out one message; false when the other end is gone."""
        message = self.control.recv(MESSAGE_BYTES)
        if not message:
            return False
        asked = json.loads(message)
        for source, target, described in asked.get("paths", ()):
            # The object stays: packets on their way refer to it.
            self.paths.setdefault((source, target), Path()).set(**described)
        self.control.send(json.dumps(self.figures()).encode())
        return True

    def figures(self):
        return {"passed": self.passed, "dropped": self.dropped, "lost": self.lost,
                "latest_ms": self.latest_ms, "late": list(zip(map(str, LATE_MS), self.late))}


def main():
    control = socket.socket(fileno=int(sys.argv[1]))
    described = json.loads(control.recv(MESSAGE_BYTES))
    try:
        relay = Relay(control, described["namespaces"], described["seed"])
    except OSError as error:
        control.send(json.dumps({"error": f"cannot make a TUN device: {error}"}).encode())
        return 1
    # Ahead of the clusters under test, which may take all processors. Where this is not allowed,
    # delays grow with the load.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    gc.disable()
    control.send(json.dumps({"ready": True}).encode())
    relay.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
