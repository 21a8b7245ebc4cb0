"""TLS for clients: certificates by name, and their renewal while the service is used."""
import re
import shutil
import socket
import ssl
import unittest

from harness import http2, proxies
from harness.certificates import DAY, Authority, self_signed
from harness.wait import await_


class Regent(proxies.Regent):
    """One region, a service with two certificates."""

    def topology(self):
        described = super().topology()
        self.shop = f"{self.work}/shop"
        described["services"]["orders"]["tls"] = [
            self_signed(self.shop, "shop.example"),
            self_signed(f"{self.work}/api", "*.api.example", days=9)]
        self.described = described
        return described

    def _answers(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log()}")
        with self.connect() as connection:
            return ask(connection).startswith(b"HTTP/1.1 200 ")

    def connect(self, name="shop.example", version=None, session=None, context=None):
        context = context or client_context(version)
        sock = socket.create_connection(self.address, timeout=20)
        return context.wrap_socket(sock, server_hostname=name, session=session)

    def names(self, name):
        """The certificate shown to a client that asks for this name, DER."""
        with self.connect(name) as connection:
            return connection.getpeercert(binary_form=True)


def client_context(version=None):
    context = http2.context()
    context.set_alpn_protocols(["http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def ask(connection):
    connection.sendall(b"POST /ready HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")
    answer = b""
    while not answer.endswith(b"here\n"):
        data = connection.recv(4096)
        if not data:
            break
        answer += data
    return answer


class TlsTest(unittest.TestCase):
    def setUp(self):
        self.regent = Regent()
        self.addCleanup(self.regent.close)

    def der(self, stem):
        with open(f"{stem}.crt", encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def metrics(self):
        """{file: seconds left} of the service's certificates."""
        admin = self.regent.described["ports"]["admin"]
        with http2.context().wrap_socket(
                socket.create_connection((proxies.HOST, admin), 20)) as sock:
            sock.sendall(b"GET /metrics HTTP/1.0\r\nHost: shop\r\n\r\n")
            page = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
        found = re.findall(r'^regent_certificate_expiry_seconds\{file="([^"]+)",service="orders"\} '
                           r"(\S+)$", page, re.M)
        return {file: float(seconds) for file, seconds in found}

    def test_names_choose_the_certificate(self):
        shop, api = self.der(self.regent.shop), self.der(f"{self.regent.work}/api")
        self.assertEqual(self.regent.names("shop.example"), shop)
        self.assertEqual(self.regent.names("v1.api.example"), api)
        self.assertEqual(self.regent.names("unknown.example"), shop)
        self.assertEqual(self.regent.names(None), shop)

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(version)
            with self.regent.connect(context=context) as first:
                ask(first)  # TLS 1.3 sends tickets after the handshake
                session = first.session
            with self.regent.connect(context=context, session=session) as second:
                self.assertTrue(second.session_reused, version)
                self.assertIn(b" 200 ", ask(second))

    def test_renewal_and_broken_files(self):
        shop = self.regent.shop
        first = self.der(shop)
        with self.regent.connect() as open_one:
            self.assertIn(b" 200 ", ask(open_one))
            with open(f"{shop}.crt", "w", encoding="ascii") as file:
                file.write("-----BEGIN CERTIFICATE-----\nMII")
            log = await_(lambda: re.findall(r".*certificate not reloaded.*", self.regent.log()),
                         what="a line about the broken file")
            self.assertRegex(log[0], r"the old one stays in use.*service=orders.*/shop\.crt: ")
            self.assertEqual(self.regent.names("shop.example"), first)
            other = self_signed(f"{self.regent.work}/other", "shop.example")
            shutil.copy(other["cert"], f"{shop}.crt")  # and the key is still the old one's
            await_(lambda: "shop.key: is not the key of the certificate" in self.regent.log())
            self.assertEqual(self.regent.names("shop.example"), first)
            self.assertLess(self.metrics()[f"{shop}.crt"], 2 * 86400)
            self_signed(shop, "shop.example", days=30)
            await_(lambda: self.regent.names("shop.example") == self.der(shop))
            self.assertGreater(self.metrics()[f"{shop}.crt"], 29 * 86400)
            self.assertIn(b" 200 ", ask(open_one))
        self.assertEqual(self.regent.log().count("shop.key: is not the key"), 1)

    def test_an_expired_certificate_is_announced(self):
        log = self.regent.log()
        self.assertNotIn("clients will refuse", log)
        self.regent.close()
        self.regent = ExpiredRegent()
        self.addCleanup(self.regent.close)
        self.assertRegex(self.regent.log(), r"clients will refuse the certificate.*service=orders.*"
                                            r"shop\.crt: the certificate expired on")


class ExpiredRegent(Regent):
    def topology(self):
        described = super().topology()
        issuer = Authority(f"{self.work}/authority")
        issuer.issue(self.shop, "spiffe://shop/service", start=-2 * DAY, end=-DAY)
        return described


if __name__ == "__main__":
    unittest.main()
