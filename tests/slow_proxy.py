"""A proxy between a device and a server that is slow, breaks connections, or changes data."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

Change = Callable[[bytes], bytes]


class SlowProxy:
    """Forwards TCP connections; settings may be changed at any time.

    Attributes:
        bytes_s: bytes per second from the server.
        cut_after: bytes from the server after which each connection is closed.
        change: function applied to every chunk from the server.
        passed: bytes forwarded from the server so far.
    """

    def __init__(self, url: str, *, bytes_s: float = float("inf")) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.bytes_s = bytes_s
        self.cut_after: int | None = None
        self.change: Change = bytes
        self.passed = 0
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def close(self) -> None:
        """Close all connections and wait for the threads."""
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server, timeout=10)
                except OSError:
                    device.close()
                    continue
                self._sockets += [device, server]
                self._start(self._up, device, server)
                self._start(self._down, server, device)

    def _up(self, device: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := device.recv(65536):
                server.sendall(piece)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _down(self, server: socket.socket, device: socket.socket) -> None:
        left = self.cut_after
        with suppress(OSError):
            while piece := server.recv(16384):
                if left is not None:
                    piece, left = piece[:left], left - len(piece[:left])
                device.sendall(self.change(piece))
                self.passed += len(piece)
                time.sleep(len(piece) / self.bytes_s)
                if left == 0:
                    break
        for one in (device, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_proxy(url: str, *, bytes_s: float = float("inf")) -> Iterator[SlowProxy]:
    """Run a proxy in front of ``url``."""
    proxy = SlowProxy(url, bytes_s=bytes_s)
    try:
        yield proxy
    finally:
        proxy.close()
