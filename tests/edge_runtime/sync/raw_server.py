"""A server that sends raw bytes, including invalid HTTP."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

Respond = Callable[[str], Iterable[bytes]]


@contextmanager
def raw_responses(*pieces: bytes, pause_s: float = 0.0, repeated: bool = False) -> Iterator[str]:
    """Send these pieces in response to every request, the last one for ever if ``repeated``; then close."""
    with raw_server(lambda _: chain(pieces, repeat(pieces[-1]) if repeated else ()), pause_s=pause_s) as url:
        yield url


@contextmanager
def raw_server(respond: Respond, *, pause_s: float = 0.0) -> Iterator[str]:
    """Listen on a port, send the bytes that ``respond`` returns for each connection's request, and close it.

    Args:
        respond: takes the head of a request and returns the pieces of the response.
        pause_s: delay after each piece in seconds.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(ConnectionError):
                    for piece in respond(connection.recv(65536).decode("latin-1")):
                        connection.sendall(piece)
                        time.sleep(pause_s)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
