"""WebSockets under test: a backend that answers each message, and clients that send one after the
other over one connection."""
import asyncio
import http
import socket
import threading
import time

import websockets

PORT = 8081
MOST_BYTES = 4 << 20


class _Loop:
    """An event loop on a thread of its own, which runs one coroutine until close()."""

    def __init__(self, main):
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(main)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass

    def close(self):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)
        assert not self._thread.is_alive(), "a WebSocket's loop does not end"
        self._loop.close()


class ChatBackend:
    """Answers a text with "REGION EPOCH TEXT", and bytes with themselves. `messages`: (time ns,
    epoch) of each text."""

    def __init__(self, network, region, address):
        self.region = region
        self.messages = []
        self._listener = network.socket(region)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, PORT))
        self._loop = _Loop(self._serve())

    def close(self):
        self._loop.close()
        self._listener.close()

    async def _serve(self):
        async with websockets.serve(self._talk, sock=self._listener, max_size=MOST_BYTES,
                                    process_request=self._health, close_timeout=1):
            await asyncio.Event().wait()

    @staticmethod
    async def _health(path, _):
        return (http.HTTPStatus.OK, [], b"") if path == "/health" else None

    async def _talk(self, chat):
        epoch = int(chat.request_headers["Regent-Epoch"])
        try:
            async for message in chat:
                if isinstance(message, bytes):
                    await chat.send(message)
                    continue
                self.messages.append((time.monotonic_ns(), epoch))
                await chat.send(f"{self.region} {epoch} {message}")
        except websockets.ConnectionClosedError:
            pass  # cut by the gateway


class ChatClient:
    """Sends texts until closed; connects again when its connection is gone. `answers` are (time ns,
    region, epoch); `ends` are (time ns, code) of connections that had worked; `echoes` the bytes
    that came back of those put into `to_echo`."""

    def __init__(self, network, region, gateway_address):
        self.region = region
        self.answers = []
        self.ends = []
        self.to_echo = []
        self.echoes = []
        self._network = network
        self._gateway = gateway_address
        self._loop = _Loop(self._run())

    def close(self):
        self._loop.close()

    async def _run(self):
        while True:
            answered = len(self.answers)
            code = None
            try:
                code = await self._talk()
            except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake,
                    websockets.InvalidMessage):
                pass
            if len(self.answers) > answered:
                self.ends.append((time.monotonic_ns(), code))
            await asyncio.sleep(0.02)

    async def _talk(self):
        with self._network.socket(self.region) as sock:
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.sock_connect(sock, (self._gateway, PORT)), 20)
            try:
                async with websockets.connect("ws://chat.example/room", sock=sock, close_timeout=1,
                                              max_size=MOST_BYTES) as chat:
                    await self._converse(chat)
            except websockets.ConnectionClosed as closed:
                return closed.code

    async def _converse(self, chat):
        while True:
            if self.to_echo:
                await chat.send(self.to_echo.pop())
                self.echoes.append(await asyncio.wait_for(chat.recv(), 20))
                await asyncio.wait_for(await chat.ping(), 20)
            await chat.send("hello")
            region, epoch, _ = (await asyncio.wait_for(chat.recv(), 20)).split()
            self.answers.append((time.monotonic_ns(), region, int(epoch)))
            await asyncio.sleep(0.002)
