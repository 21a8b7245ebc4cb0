"""Nothing gets in with a wrong certificate, and a log line says which one and why."""
import socket
import ssl
import threading
import unittest

from harness.case import ClusterTest
from harness.certificates import client_context, make_pairs, server_context
from harness.wait import await_

PEER, FORWARD, NODE = 7400, 7443, 7500


class CertificateTest(ClusterTest):
    def setUp(self):
        self.running = self.start_cluster()
        self.pairs = make_pairs(f"{self.running.work}/wrong", self.running.certs)
        for identity in ("us-west.gw1", "us-east.gw1", "us-east.n2", "us-west.n1", "operator"):
            self.pairs[identity] = f"{self.running.certs}/{identity}"

    # Wrong certificates that come in.

    def call(self, region, address, port, pair=None, version=None):
        """Connects, and returns why the other side closed the connection; None when it did not."""
        made = self.running.network.socket(region)
        made.settimeout(5)
        with made:
            made.connect((address, port))
            try:
                with client_context(pair, version).wrap_socket(made) as tls:
                    tls.settimeout(1)
                    try:
                        return None if tls.recv(1) else "closed"
                    except TimeoutError:
                        return None
            except OSError as error:
                return repr(error)

    def assert_refused(self, what, port, words, pair=None, region="us-west", version=None):
        """`words`: of which one must be in the log line, besides that the peer was refused."""
        target = "us-east/n1" if port == NODE else "us-east/gw1"
        address = "10.0.1.11" if port == NODE else "10.0.1.10"
        region = "us-east" if port == NODE else region
        with self.subTest(certificate=what, port=port):
            offset = self.running[target].log_size()
            self.assertIsNotNone(self.call(region, address, port, pair, version), "was let in")
            caller = "10.0.1." if region == "us-east" else "10.0.2."
            self.await_line(target, offset, caller, words)

    def await_line(self, target, offset, address, words):
        """A line of the log after `offset` that names the address and one of the words."""
        def found():
            return any("refused" in line and address in line and
                       any(word in line.lower() for word in words)
                       for line in self.running[target].log(offset).splitlines())
        try:
            await_(found, 3)
        except AssertionError:
            self.fail(f"no line 'refused' with {address} and one of {words} in the log of "
                      f"{target}:\n{self.running[target].log(offset)}")

    FAULTS = {
        "other authority, {}": ("authority", "issued by"),
        "expired {}": ("expired",),
        "future {}": ("not yet valid", "not valid"),
        "no identity": ("identity",),
        "other cluster": ("cluster",),
        None: ("no certificate",),
    }

    def assert_faults_refused(self, port, holder):
        for name, words in self.FAULTS.items():
            pair = self.pairs[name.format(holder)] if name else None
            self.assert_refused(name or "none", port, words, pair)
        self.assert_refused("TLS 1.2", port, ("version",), self.pairs["gateway"],
                            version=ssl.TLSVersion.TLSv1_2)

    def test_at_the_peer_and_forward_ports(self):
        for port in (PEER, FORWARD):
            self.assertIsNone(self.call("us-west", "10.0.1.10", port, self.pairs["gateway"]))
            self.assert_faults_refused(port, "gateway")
            self.assert_refused("a node's", port, ("node",), self.pairs["us-west.n1"])
            self.assert_refused("the operator's", port, ("operator",), self.pairs["operator"])
            self.assert_refused("an unknown name", port, ("gw9",), self.pairs["unknown gateway"])
            self.assert_refused("an unknown region", port, ("mars",), self.pairs["unknown region"])

    def test_at_the_port_of_a_node(self):
        self.assertIsNone(self.call("us-east", "10.0.1.11", NODE, self.pairs["us-east.gw1"]))
        self.assert_faults_refused(NODE, "own gateway")
        self.assert_refused("another node's", NODE, ("node",), self.pairs["us-east.n2"])
        self.assert_refused("the operator's", NODE, ("operator",), self.pairs["operator"])
        self.assert_refused("a gateway's of another region", NODE, ("region", "us-west"),
                            self.pairs["us-west.gw1"])
        self.assert_refused("an unknown region's", NODE, ("mars",), self.pairs["unknown region"])

    # Wrong certificates where one of ours connects to.

    def answer_as_node(self, pair, seconds=5):
        """Takes the place of us-east/n1 with `pair`. Returns whether the gateway spoke to it."""
        listener = self.running.network.socket("us-east")
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("10.0.1.11", NODE))
        listener.listen()
        listener.settimeout(0.2)
        context = server_context(pair)
        spoken, over = threading.Event(), threading.Event()

        def serve():
            while not over.is_set():
                try:
                    made, _ = listener.accept()
                    made.settimeout(1)
                    with context.wrap_socket(made, server_side=True) as tls:
                        if tls.recv(1):
                            spoken.set()
                except OSError:
                    pass
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            await_(lambda: spoken.is_set() or self.refusals() > self.refusals_before, seconds,
                   "the gateway called")
        finally:
            over.set()
            thread.join()
            listener.close()
        return spoken.is_set()

    def refusals(self):
        return sum("refused" in line and "10.0.1.11" in line
                   for line in self.running["us-east/gw1"].log().splitlines())

    def test_a_false_node_is_not_spoken_to(self):
        self.running["us-east/n1"].kill()
        gateway = self.running["us-east/gw1"]
        self.refusals_before = self.refusals()
        self.assertTrue(self.answer_as_node(self.pairs["node"]), "the true certificate is accepted")
        for name, words in {
                "other authority, node": ("authority", "issued by"),
                "expired node": ("expired",),
                "future node": ("not yet valid", "not valid"),
                "us-east.n2": ("n2",),
                "us-east.gw1": ("gateway",),
                "other region's node": ("us-west",)}.items():
            with self.subTest(certificate=name):
                self.refusals_before = self.refusals()
                offset = gateway.log_size()
                self.assertFalse(self.answer_as_node(self.pairs[name]))
                self.await_line("us-east/gw1", offset, "10.0.1.11", words)
        node, = [node for region in self.running.status("us-east")["quorum"]["regions"]
                 if region["name"] == "us-east" for node in region["nodes"] if node["name"] == "n1"]
        self.assertFalse(node["reachable"])

    # Renewal.

    def serial(self, address, port):
        made = self.running.network.socket("us-west")
        made.settimeout(5)
        with made:
            made.connect((address, port))
            with client_context(self.pairs["gateway"]).wrap_socket(made) as tls:
                return tls.getpeercert(binary_form=True)

    def test_new_certificates_are_used_without_a_restart(self):
        writer = self.running.writer("eu")
        await_(lambda: len(writer.acknowledged()) >= 10, what="the writer is going")
        epoch = self.running.status("us-east")["epoch"]
        before = self.serial("10.0.1.10", PEER)
        self.running.create_certs()
        await_(lambda: self.serial("10.0.1.10", PEER) != before,
               what="the new certificate is shown")
        # Its nodes have new ones, too, and the gateway still accepts them.
        self.running["us-east/n1"].restart()
        self.running.await_writable("us-west", expect="us-east")
        writer.stop()
        self.assertEqual(writer.failed(), [])
        self.assertEqual(self.running.status("us-east")["epoch"], epoch)

    def test_a_spoilt_file_changes_nothing_but_the_log(self):
        gateway = self.running["us-east/gw1"]
        offset = gateway.log_size()
        path = f"{self.running.certs}/us-east.gw1.crt"
        with open(path, "w", encoding="ascii") as file:
            file.write("not a certificate\n")
        await_(lambda: "us-east.gw1.crt" in gateway.log(offset), what="a line about the file")
        self.running.await_writable("us-west", expect="us-east")


if __name__ == "__main__":
    unittest.main()
