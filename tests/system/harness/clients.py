"""HTTP from inside a region's namespace: single requests, and writers that never stop asking."""
import http.client
import json
import ssl
import threading
import time


class Answer:
    """status, headers (case-insensitive), body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


class Connection(http.client.HTTPConnection):
    """An HTTP connection from `region`; over TLS when a context is given."""

    def __init__(self, network, region, host, port, timeout=10, tls=None):
        super().__init__(host, port, timeout=timeout)
        self.network = network
        self.region = region
        self.tls = tls

    def connect(self):
        self.sock = self.network.socket(self.region)
        self.sock.settimeout(self.timeout)
        # Whoever fails here closes the connection, and the socket with it.
        self.sock.connect((self.host, self.port))
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock)

    def ask(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        try:
            self.request(method, path, body, headers or {})
            return Answer(self.getresponse())
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(repr(error)) from error
        except OSError:
            self.close()
            raise


def tls_context(certs, identity=None):
    """Trusts the cluster's authority; presents `identity` (a file stem such as "operator")."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # identities are URIs, not host names
    context.load_verify_locations(f"{certs}/ca.crt")
    if identity:
        context.load_cert_chain(f"{certs}/{identity}.crt", f"{certs}/{identity}.key")
    return context


class Attempt:
    """One write: when it was sent and answered (host clock, ns), and how. `status` is None when no
    answer came, in which case nobody knows whether it was taken."""

    __slots__ = ("id", "start_ns", "end_ns", "status", "epoch", "region", "error")

    def __init__(self, order_id):
        self.id = order_id
        self.start_ns = time.monotonic_ns()
        self.end_ns = 0
        self.status = None
        self.epoch = None
        self.region = None
        self.error = None

    @property
    def acknowledged(self):
        return self.status is not None and 200 <= self.status < 300

    def __repr__(self):
        took = (self.end_ns - self.start_ns) / 1e6
        return f"{self.id}: {self.status} epoch {self.epoch} {self.region} in {took:.0f} ms " + \
            (self.error or "")


class Writer:
    """Posts orders with fresh ids to one gateway until stopped, one connection, one at a time."""

    def __init__(self, name, make_connection, interval=0.01):
        self.name = name
        self.make_connection = make_connection
        self.interval = interval
        self.attempts = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer {name}", daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        """Returns when the last answer is in."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), f"writer {self.name} hangs"
        return self

    def acknowledged(self):
        return [attempt for attempt in list(self.attempts) if attempt.acknowledged]

    def failed(self):
        return [attempt for attempt in list(self.attempts) if not attempt.acknowledged]

    def acknowledged_after(self, instant_ns, region=None):
        """The first acknowledged write that began after the instant."""
        for attempt in self.acknowledged():
            if attempt.start_ns >= instant_ns and region in (None, attempt.region):
                return attempt
        return None

    def last_acknowledged(self):
        """The newest acknowledged write, None when there is none."""
        for attempt in reversed(self.attempts):
            if attempt.acknowledged:
                return attempt
        return None

    def acknowledged_since(self, instant_ns):
        """Whether a write that began after the instant was acknowledged; looks at new ones only."""
        for attempt in reversed(self.attempts):
            if attempt.start_ns < instant_ns:
                return False
            if attempt.acknowledged:
                return True
        return False

    def _run(self):
        connection = self.make_connection()
        number = 0
        while not self._stop.is_set():
            number += 1
            attempt = Attempt(f"{self.name}-{number}")
            try:
                answer = connection.ask("POST", "/orders", {"id": attempt.id})
                attempt.status = answer.status
                attempt.epoch = answer.headers.get("Regent-Epoch")
                attempt.region = answer.headers.get("Regent-Region")
                if not attempt.acknowledged:
                    attempt.error = answer.body[:200].decode(errors="replace")
            except OSError as error:
                attempt.error = repr(error)
            attempt.end_ns = time.monotonic_ns()
            self.attempts.append(attempt)
            self._stop.wait(self.interval)
        connection.close()
