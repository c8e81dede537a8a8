"""A proxy on this machine that notes every byte that passes to the network, and passes it on."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

HOST: Final = "127.0.0.1"
_MAX_HEAD_BYTES: Final = 65_536
_CONNECT_S: Final = 10.0
_PIECE: Final = 65_536


@dataclass(slots=True)
class Stream:
    """What one connection sent.

    Attributes:
        plain: the bytes that are readable: all of plain http, and the request for a tunnel.
        n_encrypted: bytes that went through the tunnel, which only their receiver can read.
    """

    plain: bytearray = field(default_factory=bytearray)
    n_encrypted: int = 0


class Recorder:
    """An HTTP proxy that opens tunnels and passes plain requests on.

    Attributes:
        streams: what each connection sent.
        port: its port on :data:`HOST`.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[Stream] = []
        self._threads: list[threading.Thread] = []
        _start(self._accept)

    @property
    def url(self) -> str:
        """Its address, for ``--proxy``."""
        return f"http://{HOST}:{self.port}"

    def close(self) -> None:
        """Accept no more connections, and wait until what came is passed on."""
        _shut(self._listener)
        for thread in self._threads:
            thread.join(_CONNECT_S)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                stream = Stream()
                self.streams.append(stream)
                self._threads.append(_start(self._serve, device, stream))

    def _serve(self, device: socket.socket, stream: Stream) -> None:
        with device, suppress(OSError, ValueError):
            data = _more(device, stream)
            while data and b"\r\n\r\n" not in data and len(data) < _MAX_HEAD_BYTES:
                piece = _more(device, stream)
                data = data + piece if piece else b""
            if data.startswith(b"CONNECT "):
                host, port = _host_and_port("//" + data.split(b" ")[1].decode("ascii"), 443)
                with socket.create_connection((host, port), _CONNECT_S) as server:
                    device.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _exchange(device, server, lambda piece: _count(stream, piece))
            elif data:
                host, port = _host_and_port(data.split(b" ")[1].decode("ascii"), 80)
                with socket.create_connection((host, port), _CONNECT_S) as server:
                    server.sendall(data)
                    _exchange(device, server, stream.plain.extend)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder until the block ends."""
    recorder = Recorder()
    try:
        yield recorder
    finally:
        recorder.close()


def _more(device: socket.socket, stream: Stream) -> bytes:
    piece = device.recv(_PIECE)
    stream.plain.extend(piece)
    return piece


def _count(stream: Stream, piece: bytes) -> None:
    stream.n_encrypted += len(piece)


def _host_and_port(address: str, default: int) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or default


def _exchange(device: socket.socket, server: socket.socket, note: Callable[[bytes], None]) -> None:
    """Pass bytes on in both directions until both ends are done; ``note`` gets those of the device."""
    server.settimeout(None)
    answers = _start(_pass_on, server, device)
    with suppress(OSError):
        while piece := device.recv(_PIECE):
            note(piece)
            server.sendall(piece)
    _shut_writing(server)
    answers.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    _shut_writing(sink)


def _shut_writing(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_WR)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _start(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
