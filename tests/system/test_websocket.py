"""WebSockets through the gateways of all regions: they work, and end with the right to serve."""
import os
import unittest

from harness.case import ClusterTest
from harness.chat import MOST_BYTES, PORT, ChatBackend, ChatClient
from harness.topology import topology
from harness.wait import await_

ABNORMAL = 1006  # RFC 6455, 7.1.5: the connection was lost


class WebSocketTest(ClusterTest):
    def start_chat(self):
        described = topology(hold="5s")
        addresses = {place: f"10.0.{number}.41"
                     for number, place in enumerate(described["regions"], start=1)}
        described["services"]["chat"] = {
            "protocol": "http", "port": PORT, "hold": "5s",
            "health": {"path": "/health", "interval": "500ms", "timeout": "500ms", "rise": 1,
                       "fall": 3},
            "backends": {place: [f"{address}:{PORT}"] for place, address in addresses.items()}}
        return self.start_service(described, addresses, ChatBackend, ChatClient)

    def await_served_by(self, region, epoch):
        for client in self.clients.values():
            await_(lambda client=client: client.answers[-1][1:] == (region, epoch),
                   what=f"{client.region} talks to {region}")

    def test_they_work_and_end_with_the_right_to_serve(self):
        cluster = self.start_chat()
        epoch = cluster.status("us-east")["epoch"]
        self.await_served_by("us-east", epoch)
        for client in self.clients.values():
            sent = os.urandom(MOST_BYTES // 2)
            client.to_echo.append(sent)
            await_(lambda client=client: client.echoes, what=f"bytes come back to {client.region}")
            self.assertEqual(client.echoes, [sent])
            self.assertEqual(client.ends, [], "a connection ended without a reason")
        cluster.client("switchover", "--to", "us-west", region="eu")
        primary, new_epoch = cluster.await_followed()
        self.assertEqual((primary, new_epoch), ("us-west", epoch + 1))
        self.await_served_by("us-west", new_epoch)
        # When the bytes of a tunnel arrive is looked at by test_tcp; here they are read too late.
        self.assertEqual({told for _, told in self.backends["us-west"].messages}, {new_epoch})
        self.assertEqual({told for _, told in self.backends["us-east"].messages}, {epoch})
        for client in self.clients.values():
            # One connection, which was cut and not ended in order.
            self.assertEqual([code for _, code in client.ends], [ABNORMAL], client.region)
            epochs = [answer[2] for answer in client.answers]
            self.assertEqual(epochs, sorted(epochs), f"{client.region} was served by us-east again")


if __name__ == "__main__":
    unittest.main()
