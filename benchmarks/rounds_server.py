"""Measures how many updates one core of the server makes durable, and how long closing a round takes.

An update has 16,384 values of 16 bits, 32 KB. `pocketrec serve` runs as one process with an SQLite database, and every
answer comes after the transaction that has the update in its sum is on the disk. The figure is updates per CPU second
of the server, whatever else the machine does. Then a round of 10,000 updates in the partial sums of eight processes
is closed, its sum is read and its mean computed, in wall time.

Example: python -m benchmarks.rounds_server --seconds 5
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import selectors
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import numpy as np

from benchmarks.server import cpu_s
from edge_runtime.rounds.plan import RoundPlan
from server.database.database import Database, file_url, migrate
from server.rounds.intake import Intake
from server.rounds.ledger import Ledger
from tests.live_server import serving
from tests.tiny_repository import PASSPHRASE, make_repository
from tests.tiny_rounds import plan, update

ASKED_PER_CPU_S: Final = 1_500
ASKED_CLOSE_S: Final = 1.0
CLOSED_UPDATES: Final = 10_000
SHARDS: Final = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """Results of a run.

    Attributes:
        updates_per_cpu_s: the capacity of one core.
        updates_per_s: updates a second of wall time, with the load generator beside it.
        body_bytes: bytes of an update.
        close_s: seconds to close a round of :data:`CLOSED_UPDATES` updates, and to compute their mean.
        load_average: of the machine, at the end.
    """

    updates_per_cpu_s: float
    updates_per_s: float
    body_bytes: int
    close_s: float
    load_average: float


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="Duration, at most 60.")
    parser.add_argument("--connections", type=int, default=64, help="Concurrent connections, at most 256.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    sys.exit(run(arguments.seconds, arguments.connections, as_json=arguments.json))


def run(seconds: float, n_connections: int, *, as_json: bool) -> int:
    """Measure and print the results; return 1 if a limit does not hold, else 0."""
    of = plan(rank=64, dim=256, max_updates=1_000_000, sigma=0.01, scale=4096)
    with tempfile.TemporaryDirectory() as folder:
        per_cpu_s, per_s = _uploads(Path(folder), of, min(seconds, 60), min(n_connections, 256))
        close_s = asyncio.run(_closing(Path(folder), of))
    figures = Figures(per_cpu_s, per_s, of.body_bytes, close_s, os.getloadavg()[0])
    missed = []
    if per_cpu_s < ASKED_PER_CPU_S:
        missed.append(f"at least {ASKED_PER_CPU_S:,} updates per CPU second")
    if close_s > ASKED_CLOSE_S:
        missed.append(f"at most {ASKED_CLOSE_S:.0f} s to close a round, which is wall time: is the machine idle?")
    if as_json:
        print(json.dumps(asdict(figures) | {"missed": missed}))
        return int(bool(missed))
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load average                         {figures.load_average:.1f}")
    print(f"durable updates per CPU second       {per_cpu_s:,.0f} of {of.body_bytes:,} bytes")
    print(f"durable updates per second           {per_s:,.0f}")
    print(f"closing a round of {CLOSED_UPDATES:,} updates   {1000 * close_s:.0f} ms")
    for limit in missed:
        print(f"Missed: {limit}")
    return int(bool(missed))


def _uploads(folder: Path, of: RoundPlan, seconds: float, n_connections: int) -> tuple[float, float]:
    """Return updates per CPU second of a server and per second."""
    os.environ["POCKETREC_PASSPHRASE"] = PASSPHRASE
    made, url = make_repository(folder), file_url(folder / "rounds.sqlite3")
    migrate(url)
    asyncio.run(_open(url, of))
    with serving(made.path, "--database-url", url) as server:
        parts = urlsplit(server.url)
        address = (parts.hostname or "", parts.port or 80)
        connections = [_Connection(address, of) for _ in range(n_connections)]
        _saturate(connections, 1.0)
        cpu, wall = cpu_s(server.process.pid), time.perf_counter()
        n_updates = _saturate(connections, seconds)
        wall, cpu = time.perf_counter() - wall, cpu_s(server.process.pid) - cpu
        for connection in connections:
            connection.socket.close()
        server.stop()
    return n_updates / cpu, n_updates / wall


async def _open(url: str, of: RoundPlan) -> None:
    database = Database(url)
    await Ledger(database).open(of, int(time.time()))
    await database.close()


async def _closing(folder: Path, of: RoundPlan) -> float:
    """Return the seconds that it takes to close a round that several processes have filled, and to compute its mean."""
    url = file_url(folder / "closing.sqlite3")
    await asyncio.to_thread(migrate, url)
    await _open(url, of)
    rng = np.random.default_rng(0)
    values = rng.integers(-40, 40, of.size).tolist()
    for _ in range(SHARDS):
        database = Database(url)
        intake = Intake(database)
        async with intake.running():
            for _ in range(CLOSED_UPDATES // SHARDS // 250):
                await asyncio.gather(*(intake.accept(of.round, update(of, values)) for _ in range(250)))
        await database.close()
    database = Database(url)
    began = time.perf_counter()
    closed = await Ledger(database).close(of.round, int(time.time()), "by hand")
    total = await Ledger(database).total(of.round)
    if total is None or closed.updates != CLOSED_UPDATES:
        raise SystemExit(f"found {closed.updates} updates in the sum, expected {CLOSED_UPDATES}")
    mean = total.mean(closed.weight, of.scale)
    took = time.perf_counter() - began
    if (np.rint(mean * of.scale) != values).any():
        raise SystemExit("the mean of equal updates is another vector")
    await database.close()
    return took


class _Connection:
    """A connection that sends one update after the other, each with a new token."""

    def __init__(self, address: tuple[str, int], of: RoundPlan) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        values = np.random.default_rng(0).integers(-40, 40, of.size)
        body = update(of, values.tolist())
        head = (
            f"POST /v1/rounds/{of.round}/updates HTTP/1.1\r\nHost: {address[0]}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._head, self._tail = head.encode() + body[:8], body[24:]

    def send(self) -> None:
        """Send the next update."""
        self.socket.sendall(self._head + secrets.token_bytes(16) + self._tail)

    def receive(self) -> None:
        """Read the answer, which has no body."""
        data = self.socket.recv(65536)
        if data[9:12] != b"202":
            raise SystemExit(f"found the answer {data!r}")


def _saturate(connections: list[_Connection], seconds: float) -> int:
    """Keep one update pending on each connection; return how many were counted."""
    counted, end = 0, time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        pending = len(connections)
        while pending:
            for key, _ in selector.select():
                connection = cast(_Connection, key.data)
                connection.receive()
                counted += 1
                if time.perf_counter() < end:
                    connection.send()
                else:
                    pending -= 1
    return counted


if __name__ == "__main__":
    main()
