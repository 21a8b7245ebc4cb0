"""The base of the system tests: one cluster a test (or a class), and its last words when the test
fails."""
import sys
import unittest

from .cluster import Cluster
from .network import Network
from .topology import topology


class ClusterTest(unittest.TestCase):
    """Tests call start_cluster(); the promise is checked at the end of each of them."""

    maxDiff = None
    cluster = None
    network = Network
    cluster_class = Cluster
    one_cluster = False  # for all tests of the class, which leave it as they found it

    def make_cluster(self, described=None):
        """A cluster with certificates, nothing started."""
        self.cluster = self.cluster_class(described or topology(), self.network)
        if self.one_cluster:
            type(self).cluster = self.cluster
            self.addClassCleanup(self.cluster.close)
        else:
            self.addCleanup(self.cluster.close)
        return self.cluster.create_certs()

    def start_cluster(self, described=None, primary="us-east"):
        """A running cluster whose primary is known everywhere. On a busy machine another region may
        be the first to be ready; the one the test is about then takes over."""
        cluster = self.make_cluster(described)
        cluster.start()
        if primary:
            first = cluster.await_primary()
            if first != primary:
                cluster.await_followed()
                cluster.switch_when_possible(first, primary)
            cluster.await_primary(primary)
            cluster.await_followed()
            for region in cluster.regions:
                if cluster.names("orders", region):
                    cluster.await_writable(region, expect=primary)
        return cluster

    def start_service(self, described, addresses, backend, client):
        """A running cluster led by us-east, with a backend (network, region, address) at each of
        these addresses and a client (network, region, address of its gateway) in each region:
        self.backends and self.clients, which are closed at the end."""
        cluster = self.make_cluster(described)
        self.backends, self.clients = {}, {}
        for place, address in addresses.items():
            cluster.network.add_address(place, address)
            self.backends[place] = backend(cluster.network, place, address)
            self.addCleanup(self.backends[place].close)
        cluster.start()
        first = cluster.await_primary()
        cluster.await_followed()
        if first != "us-east":
            cluster.switch_when_possible(first, "us-east")
            self.assertEqual(cluster.await_followed()[0], "us-east")
        for place in cluster.regions:
            self.clients[place] = client(cluster.network, place, cluster.gateway_address(place))
            self.addCleanup(self.clients[place].close)
        return cluster

    def _callSetUp(self):
        self._with_last_words(super()._callSetUp)

    def _callTestMethod(self, method):
        def checked():
            method()
            if self.cluster is not None:
                self.cluster.check_promise()
        self._with_last_words(checked)

    def _with_last_words(self, action):
        try:
            action()
        except BaseException:
            if self.cluster is not None:
                self.cluster.keep = True
                print(self.cluster.describe(), file=sys.stderr, flush=True)
            raise

    def switch_epochs(self, old_region, new_region):
        """The times (ns) of the old region's last record and the new one's first: the proof that
        the old one stopped before the new one began."""
        records = self.cluster.records()
        last = [record for record in records if record["region"] == old_region][-1]
        first = next(record for record in records
                     if record["region"] == new_region and record["epoch"] > last["epoch"])
        self.assertLess(last["time_ns"], first["time_ns"])
        self.assertLess(last["epoch"], first["epoch"])
        return last["time_ns"], first["time_ns"]
