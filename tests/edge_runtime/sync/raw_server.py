"""A server of raw bytes: it says what HTTP allows nobody to say."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

Speak = Callable[[str], Iterable[bytes]]


@contextmanager
def speaking(*pieces: bytes, pause_s: float = 0.0, repeated: bool = False) -> Iterator[str]:
    """Send these bytes, the last of them for ever if ``repeated``, to whoever connects and asks; then hang up."""
    with answering(lambda _: chain(pieces, repeat(pieces[-1]) if repeated else ()), pause_s=pause_s) as url:
        yield url


@contextmanager
def answering(speak: Speak, *, pause_s: float = 0.0) -> Iterator[str]:
    """Listen on a port and send to each connection what ``speak`` gives for its request; then hang up.

    Args:
        speak: takes a request's head and gives the bytes of the answer.
        pause_s: seconds after each piece.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(ConnectionError):
                    for piece in speak(connection.recv(65536).decode("latin-1")):
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
