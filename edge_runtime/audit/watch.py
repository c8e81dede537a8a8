"""Runs a command with its network watched: what it and all that it starts tries to reach is refused and noted."""

import errno
import ipaddress
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_runtime.audit.system_calls import Call

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16  # Linux's numbers, whatever runs this
MAX_SHOWN_BYTES: Final = 65_536
"""Of what one call would have sent, at most so much is kept; the length is always whole."""
_MAX_ADDRESS_BYTES: Final = 128
_WAIT_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that would have left the watched processes; it was refused.

    Attributes:
        program: name of the process, as the kernel has it.
        process: its id, or that of its thread.
        call: the system call, or the event of Python.
        address: whom it was for.
        data: the bytes, as Latin-1 text; empty for a connection, which carries none.
        n_bytes: how many there were.
    """

    program: str
    process: int
    call: str
    address: str
    data: str = ""
    n_bytes: int = 0


@dataclass(slots=True)
class Watched:
    """What a watched command did.

    Attributes:
        exit_code: its exit code.
        output: what it printed on stdout.
        errors: what it printed on stderr.
        attempts: what would have left.
        by_kernel: whether the kernel watched; otherwise nothing did here.
        passed: how many connections went to the one address that was allowed.
    """

    exit_code: int = -1
    output: str = ""
    errors: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    by_kernel: bool = False
    passed: int = 0


def why_unwatched() -> str | None:
    """Return why the kernel cannot watch processes here; None if it can."""
    if sys.platform != "linux":
        return f"this system ({sys.platform}) has no way to watch processes without administrator rights"
    from edge_runtime.audit.system_calls import is_known_machine, report_calls

    if not is_known_machine():
        return "the system calls of this processor are not known"
    problem: list[str] = []

    def try_it() -> None:  # in a thread of its own, because a filter stays
        try:
            os.close(report_calls())
        except OSError as error:
            problem.append(f"the kernel does not permit it here ({error.strerror})")

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    return problem[0] if problem else None


def watch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    allowed: tuple[str, int] | None = None,
    by_kernel: bool = True,
) -> Watched:
    """Run a command to its end.

    Processes that it leaves behind cannot send anything either: with the watcher gone, the kernel refuses their calls.

    Args:
        command: the command line.
        environment: its environment [default: that of this process].
        folder: its working directory [default: that of this process].
        allowed: address and port that it may connect to.
        by_kernel: False runs it unwatched, where :func:`why_unwatched` has a reason.

    Raises:
        OSError: it cannot be started, or the kernel does not permit watching it.
    """
    found = Watched(by_kernel=by_kernel)
    started: list[int | OSError] = []
    is_started, is_over = threading.Event(), threading.Event()

    def run() -> None:
        try:
            if by_kernel:
                from edge_runtime.audit.system_calls import report_calls

                started.append(report_calls())
            is_started.set()
            done = subprocess.run(  # noqa: S603 - the caller's command, which is no user's
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", check=False,
            )  # fmt: skip
            found.exit_code, found.output, found.errors = done.returncode, done.stdout, done.stderr
        except OSError as error:
            started.append(error)
        finally:
            is_started.set()
            is_over.set()

    thread = threading.Thread(target=run)
    thread.start()
    is_started.wait()
    listener = started[0] if started and isinstance(started[0], int) else None
    try:
        if listener is not None:
            _answer_all(listener, found, allowed, is_over)
    finally:
        if listener is not None:
            os.close(listener)
        thread.join()
    if started and isinstance(started[-1], OSError):
        raise started[-1]
    return found


def _answer_all(listener: int, found: Watched, allowed: tuple[str, int] | None, is_over: threading.Event) -> None:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll(_WAIT_MS)
        if events and events[0][1] & select.POLLIN:
            _answer_one(listener, found, allowed)
        elif is_over.is_set():
            return
        elif events:  # nobody is left to watch
            time.sleep(_WAIT_MS / 1000)


def _answer_one(listener: int, found: Watched, allowed: tuple[str, int] | None) -> None:
    from edge_runtime.audit.system_calls import answer, next_call

    call = next_call(listener)
    if call is None:
        return
    family, address, endpoint = _whom(call)
    if family == AF_NETLINK:  # only the kernel reads it
        answer(listener, call, errno.EPERM)
    elif call.name == "connect" and allowed is not None and endpoint == allowed:
        found.passed += 1
        answer(listener, call, 0)
    elif call.name == "sendto" and call.arguments[4] == 0:  # on a connection, and only an allowed one can be open
        answer(listener, call, 0)
    else:
        found.attempts.append(_attempt(call, address))
        answer(listener, call, errno.ENETUNREACH)


def _whom(call: "Call") -> tuple[int, str, tuple[str, int] | None]:
    """Return the family of a call's address, the address as text, and host and port if it has them."""
    from edge_runtime.audit.system_calls import read_memory

    if call.name.startswith("sendm"):
        return -1, "an address in a message", None
    if call.name == "listen":
        return -1, "whoever connects", None
    place, length = call.arguments[4:6] if call.name == "sendto" else call.arguments[1:3]
    data = read_memory(call.thread, place, min(length, _MAX_ADDRESS_BYTES)) if place else b""
    family = int.from_bytes(data[:2], sys.byteorder) if len(data) >= 2 else -1
    if family == AF_UNIX:
        path = data[2:].lstrip(b"\0").partition(b"\0")[0]
        return family, f"the local service {path.decode(errors='replace')}", None
    port = int.from_bytes(data[2:4], "big")
    if family == AF_INET and len(data) >= 8:
        host = str(ipaddress.IPv4Address(data[4:8]))
        return family, f"{host}:{port}", (host, port)
    if family == AF_INET6 and len(data) >= 24:
        host = str(ipaddress.IPv6Address(data[8:24]))
        return family, f"[{host}]:{port}", (host, port)
    return family, f"an address of family {family}", None


def _attempt(call: "Call", address: str) -> Attempt:
    from edge_runtime.audit.system_calls import read_memory

    data, n_bytes = b"", 0
    if call.name == "sendto":
        n_bytes = call.arguments[2]
        data = read_memory(call.thread, call.arguments[1], min(n_bytes, MAX_SHOWN_BYTES))
    try:
        program = Path(f"/proc/{call.thread}/comm").read_text().strip()
    except OSError:
        program = "?"
    return Attempt(program, call.thread, call.name, address, data.decode("latin-1"), n_bytes)
