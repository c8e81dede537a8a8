"""Measures update checks without a new release on one core of the server.

A check is what a device does: it asks for the next root, which does not exist, and for the timestamp, two requests over
one connection. `pocketrec serve` runs as one process on a repository of signed releases with its database, so that the
figures include counting. First all connections are kept busy, which gives checks per CPU second of the server, whatever
else the machine does. Then checks are sent at half of the rate that is asked for, at fixed times whether or not earlier
ones are answered; these latencies are wall time, and mean something on an idle machine only. The load generator is a
loop over raw sockets in this process, which needs a core of its own.

Example: python -m benchmarks.server --seconds 5
"""

import argparse
import json
import os
import platform
import selectors
import socket
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from edge_runtime.version import __version__
from tests.live_server import serving
from tests.tiny_repository import PASSPHRASE, make_repository

NEXT_ROOT: Final = "/v1/metadata/2.root.json"
TIMESTAMP: Final = "/v1/metadata/timestamp.json"
ASKED_PER_CPU_S: Final = 5_000
ASKED_P99_MS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Results of a run.

    Attributes:
        checks_per_cpu_s: the capacity of one core, in checks of two requests each.
        requests_per_cpu_s: the same in requests.
        half_load_per_s: checks a second while latencies were measured.
        p50_ms: median latency of a request at half load, from the moment at which it was due.
        p99_ms: 99th percentile of it.
        body_bytes: bytes of both bodies.
        load_average: of the machine, at the end.
    """

    checks_per_cpu_s: float
    requests_per_cpu_s: float
    half_load_per_s: float
    p50_ms: float
    p99_ms: float
    body_bytes: int
    load_average: float


class Connection:
    """A connection that asks the two questions of a check in turn."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = [_request(address, path) for path in (NEXT_ROOT, TIMESTAMP)]
        self._next = 0
        self._buffer = b""
        self.due = 0.0

    def ask(self, due: float) -> None:
        """Send the next request, which was due at a time."""
        self.due = due
        self.socket.sendall(self._requests[self._next])
        self._next ^= 1

    def receive(self) -> int | None:
        """Read; return the size of the body once the answer is complete."""
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit("the server closed a connection")
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        status = head[9:12]
        if status != (b"404" if self._next else b"200"):
            raise SystemExit(f"found the status {status!r}: {body[:200]!r}")
        self._buffer = b""
        return length


def saturate(connections: list[Connection], seconds: float) -> tuple[int, int]:
    """Keep one request pending on each connection; return the number of requests, and the bytes of two bodies."""
    answered = size = 0
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask(0.0)
        pending = len(connections)
        while pending:
            for key, _ in selector.select():
                connection = cast(Connection, key.data)
                length = connection.receive()
                if length is None:
                    continue
                answered, size = answered + 1, size + length
                if time.perf_counter() < end:
                    connection.ask(0.0)
                else:
                    pending -= 1
    return answered, 2 * size // answered


def pace(connections: list[Connection], seconds: float, per_s: float) -> list[float]:
    """Send requests at a fixed rate, and return their latencies in seconds, sorted.

    A request that finds no free connection waits, and its waiting counts.
    """
    latencies: list[float] = []
    free, waiting = deque(connections), deque[float]()
    began = time.perf_counter()
    sent, total = 0, int(seconds * per_s)
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while len(latencies) < total:
            now = time.perf_counter()
            while sent < total and began + sent / per_s <= now:
                waiting.append(began + sent / per_s)
                sent += 1
            while waiting and free:
                free.popleft().ask(waiting.popleft())
            for key, _ in selector.select(max(0.0, began + sent / per_s - time.perf_counter()) if sent < total else 1):
                connection = cast(Connection, key.data)
                if connection.receive() is not None:
                    latencies.append(time.perf_counter() - connection.due)
                    free.append(connection)
    return sorted(latencies)


def measure(url: str, pid: int, seconds: float, n_connections: int) -> Figures:
    """Measure a server that runs as one process."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    connections = [Connection(address) for _ in range(n_connections)]
    saturate(connections, 1.0)
    before = cpu_s(pid)
    requests, size = saturate(connections, seconds)
    per_cpu_s = requests / (cpu_s(pid) - before)
    latencies = pace(connections, seconds, 2 * ASKED_PER_CPU_S / 2)
    for connection in connections:
        connection.socket.close()
    return Figures(
        checks_per_cpu_s=per_cpu_s / 2,
        requests_per_cpu_s=per_cpu_s,
        half_load_per_s=ASKED_PER_CPU_S / 2,
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
        body_bytes=size,
        load_average=os.getloadavg()[0],
    )


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="Duration of each part, at most 60.")
    parser.add_argument("--connections", type=int, default=32, help="Concurrent connections, at most 256.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    sys.exit(run(arguments.seconds, arguments.connections, as_json=arguments.json))


def run(seconds: float, n_connections: int, *, as_json: bool) -> int:
    """Start a server, measure it and print the results; return 1 if a limit does not hold, else 0."""
    os.environ["POCKETREC_PASSPHRASE"] = PASSPHRASE
    with tempfile.TemporaryDirectory() as folder:
        made = make_repository(Path(folder))
        made.publish()
        with serving(made.path) as server:
            figures = measure(server.url, server.process.pid, min(seconds, 60), min(n_connections, 256))
    missed = _missed(figures)
    if as_json:
        print(json.dumps(asdict(figures) | {"missed": missed}))
        return int(bool(missed))
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load average                   {figures.load_average:.1f}")
    print(f"checks per CPU second          {figures.checks_per_cpu_s:,.0f}")
    print(f"requests per CPU second        {figures.requests_per_cpu_s:,.0f}")
    print(
        f"at {figures.half_load_per_s:,.0f} checks a second       "
        f"p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms"
    )
    print(f"bodies of a check              {figures.body_bytes} bytes")
    for limit in missed:
        print(f"Missed: {limit}")
    return int(bool(missed))


def _missed(figures: Figures) -> list[str]:
    missed = []
    if figures.checks_per_cpu_s < ASKED_PER_CPU_S:
        missed.append(f"at least {ASKED_PER_CPU_S:,} checks per CPU second")
    if figures.p99_ms > ASKED_P99_MS:
        missed.append(f"at most {ASKED_P99_MS:.0f} ms at half of that rate, which is wall time: is the machine idle?")
    return missed


def _request(address: tuple[str, int], path: str) -> bytes:
    """Return a request of a device."""
    lines = (f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", f"User-Agent: pocketrec/{__version__}")
    return "\r\n".join((*lines, "", "")).encode()


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that all threads of a process have used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
