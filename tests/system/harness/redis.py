"""As much of a Redis client as the tests need: a command and its reply, from inside a region."""


class Redis:
    """One connection to the region's server. Replies are int, str, None or lists of those."""

    def __init__(self, network, region, address, timeout=2):
        host, port = address.split(":")
        self.socket = network.socket(region)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect((host, int(port)))
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def command(self, *words):
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise ValueError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if rest == b"-1":
            return None
        return [self.reply() for _ in range(int(rest))]

    def hash(self, key):
        words = self.command("HGETALL", key)
        return dict(zip(words[::2], words[1::2]))
