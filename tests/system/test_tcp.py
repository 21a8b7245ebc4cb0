"""Connections of a tcp service follow the primary, and end before another region accepts any."""
import unittest

from harness.case import ClusterTest
from harness.ledger import LedgerBackend, LedgerClient, describe
from harness.topology import topology
from harness.wait import await_


class TcpTest(ClusterTest):
    def start_ledger(self):
        """A cluster whose second service is tcp, and a client in every region that writes there."""
        described = topology()
        addresses = describe(described)
        cluster = self.start_service(described, addresses, LedgerBackend, LedgerClient)
        for client in self.clients.values():
            await_(lambda client=client: len(client.answers) >= 10 and
                   client.answers[-1][1] == "us-east", what=f"{client.region} writes to us-east")
        return cluster

    def assert_one_after_the_other(self, old, new, epoch):
        """Nothing came to the old primary any more once the new one had its first entry, and no
        client went back."""
        first = next(entry for entry in self.backends[new].entries if entry[1] == epoch)
        last = [entry for entry in self.backends[old].entries if entry[1] < epoch][-1]
        self.assertLess(last[0], first[0])
        self.assertEqual([entry for entry in self.backends[old].entries if entry[1] >= epoch], [])
        for place, client in self.clients.items():
            followed = next(answer for answer in client.answers if answer[2] == epoch)
            self.assertEqual(followed[1], new)
            epochs = [answer[2] for answer in client.answers]
            self.assertEqual(epochs, sorted(epochs), f"{place} was served by {old} again")

    def test_a_partition_closes_the_cut_off_connections_first(self):
        cluster = self.start_ledger()
        cut_off = self.clients["us-east"]
        ends = len(cut_off.ends)
        cluster.network.isolate("us-east")
        new = cluster.await_primary(among=["us-west", "eu"])
        await_(lambda: len(cut_off.ends) > ends, what="the cut-off client's connection is closed")
        for place in ("us-west", "eu"):
            await_(lambda place=place: self.clients[place].answers[-1][1] == new,
                   what=f"{place} writes to {new}")
        epoch = self.clients["us-west"].answers[-1][2]
        first = next(entry for entry in self.backends[new].entries if entry[1] == epoch)
        self.assertLess(cut_off.ends[ends], first[0], "it was closed after another region accepted")
        # Nobody is left waiting on the side without a primary.
        refusals = cut_off.refusals
        await_(lambda: cut_off.refusals > refusals + 2, what="new connections there are refused")
        cluster.network.heal()
        await_(lambda: cut_off.answers[-1][1] == new, what="us-east follows after the heal")
        self.assert_one_after_the_other("us-east", new, epoch)

    def test_a_switchover_closes_old_connections_and_new_ones_follow(self):
        cluster = self.start_ledger()
        cluster.client("switchover", "--to", "us-west", region="eu")
        primary, epoch = cluster.await_followed()
        self.assertEqual(primary, "us-west")
        for client in self.clients.values():
            await_(lambda client=client: client.answers[-1][1:] == ("us-west", epoch),
                   what=f"{client.region} writes to us-west")
        self.assert_one_after_the_other("us-east", "us-west", epoch)
        # The backend knows each client by its own address, also over two gateways.
        clients = {entry[2] for entry in self.backends["us-west"].entries}
        self.assertEqual(clients, {client.address for client in self.clients.values()})
        metrics = cluster.admin("us-east", "/metrics").body.decode()
        self.assertIn('regent_tunnels_total{service="ledger",end="cut"}', metrics)


if __name__ == "__main__":
    unittest.main()
