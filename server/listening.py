"""Bind a socket and run the server; the socket is bound first, so that a port in use is a plain error message."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from litestar.types import ASGIApp

from edge_runtime.errors import PocketRecError
from server.connection import BoundedProtocol, RequestLimits


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; port 0 selects a free port.

    Raises:
        PocketRecError: the port is in use or not allowed, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else "not a valid host name"
        raise PocketRecError(f"--host {host}: {why}. Use an address such as 127.0.0.1 or ::1.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PocketRecError(_why(host, port, error)) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_until_stopped(
    app: ASGIApp,
    listener: socket.socket,
    *,
    grace_s: int,
    on_listening: Callable[[], object],
    limits: RequestLimits | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second signal stops the server at once.

    Args:
        app: the application.
        listener: bound socket; closed at the end.
        grace_s: seconds that downloads in progress have to finish after the signal.
        on_listening: called when the server accepts requests.
        limits: limits of each connection; None for the defaults.
    """
    config = uvicorn.Config(
        app,
        http=partial(BoundedProtocol, limits=limits or RequestLimits()),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        log_config=None,
        access_log=False,  # requests are not logged, for privacy
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=grace_s,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    with listener:
        _Server(config, on_listening).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's server, except that a signal to stop is not raised again, so that the process exits with code 0."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # uvicorn skips the application's shutdown, which would end in a traceback
            await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Filter out the traceback of a download cancelled at shutdown, which has a line already, and malformed requests.

    Anybody can send malformed requests, so one line for each would fill the disk.
    """
    is_cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not is_cancelled and record.msg != "Invalid HTTP request received."


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program. Stop it, or choose another port, "
            f"for example `--port {port + 1 if port < 65535 else 8000}` (0 selects a free one)."
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed for this user. Choose one above 1023, for example `--port 8000`."
    return f"cannot listen on {host} port {port}: {error.strerror}. Use an address of this machine, such as 127.0.0.1."
