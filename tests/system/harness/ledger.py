"""A tcp service under test: a backend that is told the epoch by the PROXY protocol, and clients
that write one line after the other over one connection.

A backend reads late what its kernel has had for a while, also of a connection that was reset
meanwhile: how late is a matter of this process and its threads. So an entry's time is when the
kernel received it, which is what the gateway has a say in.
"""
import socket
import struct
import threading
import time

PORT = 5432
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
EPOCH_TLV = 0xE0
SO_TIMESTAMPNS = 35  # of the kernel; the socket module does not name it


def _monotonic_offset():
    """What makes CLOCK_MONOTONIC of CLOCK_REALTIME, in ns. Steps of the wall clock are not seen."""
    def look():
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        return after - before, (before + after) // 2 - wall
    return min(look() for _ in range(100))[1]


OFFSET = _monotonic_offset()


def describe(described):
    """Adds the service to a topology. Returns the address of its backend in each region."""
    addresses = {place: f"10.0.{number}.41"
                 for number, place in enumerate(described["regions"], start=1)}
    described["services"]["ledger"] = {
        "protocol": "tcp", "port": PORT, "proxy_protocol": "v2",
        "health": {"interval": "500ms", "timeout": "500ms", "rise": 1, "fall": 3},
        "backends": {place: [f"{address}:{PORT}"] for place, address in addresses.items()}}
    return addresses


def parse_proxy_header(header):
    """(client address, client port, epoch) of a header over IPv4 with the epoch alone."""
    assert header[:12] == SIGNATURE and header[12:14] == b"\x21\x11", header
    length, = struct.unpack(">H", header[14:16])
    assert length == len(header) - 16, header
    client, _, port, _ = struct.unpack(">4s4sHH", header[16:28])
    kind, size, epoch = struct.unpack(">BHQ", header[28:])
    assert (kind, size) == (EPOCH_TLV, 8), header
    return socket.inet_ntoa(client), port, epoch


class LedgerBackend:
    """Answers each line with "REGION EPOCH LINE". `entries`: (time ns, epoch, client address),
    the time being CLOCK_MONOTONIC's when the kernel had received the line."""

    def __init__(self, network, region, address):
        self.region = region
        self.entries = []
        self.epochs = []  # of the connections, in order
        self._sockets = []
        self._listener = network.socket(region)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Before the first connection: the kernel begins to note times only a while later.
        self._listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._listener.bind((address, PORT))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                header = connection.recv(39, socket.MSG_WAITALL)
                if not header:
                    return  # a health check
                client, _, epoch = parse_proxy_header(header)
                self.epochs.append(epoch)
                for received, line in _lines(connection):
                    self.entries.append((received, epoch, client))
                    connection.sendall(f"{self.region} {epoch} ".encode() + line)
        except OSError:
            pass


def _lines(connection):
    """(time ns, line) of each. A client waits for the answer, so no read brings more than one."""
    rest = b""
    while True:
        data, about, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16))
        if not data:
            return
        rest += data
        if rest.endswith(b"\n"):
            assert about, "the kernel has not noted when this came"
            seconds, nanoseconds = struct.unpack("qq", about[0][2])
            yield seconds * 10**9 + nanoseconds + OFFSET, rest
            rest = b""


class LedgerClient:
    """Writes lines until stopped; connects again when its connection is gone. `answers` are
    (time ns, region, epoch); `ends` the times at which a connection that had worked was over."""

    def __init__(self, network, region, gateway_address):
        self.region = region
        self.address = None
        self.answers = []
        self.ends = []
        self.refusals = 0
        self._network = network
        self._gateway = gateway_address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), f"the ledger's client in {self.region} hangs"

    def answers_since(self, instant_ns):
        return [answer for answer in list(self.answers) if answer[0] >= instant_ns]

    def _run(self):
        while not self._stop.is_set():
            answered = len(self.answers)
            try:
                with self._network.socket(self.region) as connection:
                    connection.settimeout(20)
                    connection.connect((self._gateway, PORT))
                    self.address = connection.getsockname()[0]
                    self._write_lines(connection)
            except OSError:
                pass
            if len(self.answers) > answered:
                self.ends.append(time.monotonic_ns())
            else:
                self.refusals += 1
                self._stop.wait(0.02)

    def _write_lines(self, connection):
        with connection.makefile("rb") as lines:
            while not self._stop.is_set():
                connection.sendall(b"entry\n")
                line = lines.readline()
                if not line.endswith(b"\n"):
                    return
                region, epoch, _ = line.decode().split()
                self.answers.append((time.monotonic_ns(), region, int(epoch)))
                self._stop.wait(0.002)
