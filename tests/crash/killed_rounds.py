"""Kills servers that take updates with SIGKILL at random moments, and checks the sum after each.

Whatever was killed, the sum must be that of the updates whose tokens are stored, each of them once, to the last bit,
and every update that was answered must be among them. What was not answered is sent again, as devices do.
"""

import asyncio
import hashlib
import http.client
import os
import random
import secrets
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import select

from edge_runtime.rounds.plan import RoundPlan
from server.database.database import Database, file_url, migrate
from server.database.tables import ROUND_TOKENS
from server.rounds.ledger import Ledger
from tests.invented_repository import Repository
from tests.live_postgresql import postgresql
from tests.live_server import LiveServer, serving
from tests.tiny_rounds import plan, update

SENDERS: Final = 6
_TIMEOUT_S: Final = 30.0
_LONGEST_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class _Sent:
    """An update as it was sent."""

    body: bytes
    values: tuple[int, ...]


class KilledRounds(ABC):
    """A round whose servers are killed again and again.

    Args:
        folder: an empty folder.
        url: an empty database.
        rng: decides when, and what is sent.
    """

    def __init__(self, folder: Path, url: str, rng: random.Random) -> None:
        self._rng, self._url = rng, url
        self._repository = Repository(folder / "repository", folder / "bundles")
        self._repository.roll_out()
        self._plan: RoundPlan = plan(max_updates=1_000_000)
        migrate(url)
        asyncio.run(self._open())
        self._sent: dict[bytes, _Sent] = {}
        self._pending: list[bytes] = []
        self._answered: set[bytes] = set()
        self._latest = "no answer"
        self._lock = threading.Lock()

    @abstractmethod
    def cycle(self) -> int:
        """Send updates until something is killed, and check the sum; return how many updates were answered.

        Raises:
            AssertionError: an update is lost, torn, or counted twice.
        """

    def check(self) -> int:
        """Compare the sum with the updates whose tokens are stored; return how many they are."""
        digests, sums, updates, weight = asyncio.run(self._stored())
        by_digest = {hashlib.sha256(token).digest(): token for token in self._sent}
        unknown = digests - by_digest.keys()
        lost = {hashlib.sha256(token).digest() for token in self._answered} - digests
        assert not unknown, f"{len(unknown)} tokens were never sent"
        assert not lost, f"{len(lost)} updates are lost after their answers"
        assert updates == len(digests), f"{updates} updates are counted, and {len(digests)} tokens are stored"
        assert weight == 1024 * updates
        expected = sum((np.array(self._sent[by_digest[one]].values) * 1024 for one in digests), np.zeros(8, np.int64))
        assert sums.tolist() == expected.tolist(), "the sum is not that of the updates"
        return updates

    @contextmanager
    def sending(self, server: LiveServer) -> Iterator[None]:
        """Send updates from several threads while the block runs."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._send, args=(server.url, stop)) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def wait_for_answers(self, number: int) -> None:
        """Wait until so many more updates are answered."""
        wanted, end = len(self._answered) + number, time.monotonic() + _TIMEOUT_S
        while len(self._answered) < wanted:
            assert time.monotonic() < end, f"the server answers no update: {self._latest}"
            time.sleep(0.002)

    def wait_a_moment(self) -> None:
        """Wait for a random time."""
        time.sleep(self._rng.random() * _LONGEST_S)

    def _send(self, url: str, stop: threading.Event) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        while not stop.is_set():
            token = self._next()
            try:
                connection.request("POST", f"/v1/rounds/{self._plan.round}/updates", self._sent[token].body)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with self._lock:
                    self._latest = repr(error)
                    self._pending.append(token)
                stop.wait(0.02)
                continue
            with self._lock:
                if answer.status in (200, 202):
                    self._answered.add(token)
                else:
                    self._latest = f"{answer.status} {body.decode(errors='replace')}"
                    self._pending.append(token)
        connection.close()

    def _next(self) -> bytes:
        """Return the token of an update that was not answered, or of a new one."""
        with self._lock:
            if self._pending and self._rng.random() < 0.5:
                return self._pending.pop(0)
            token = secrets.token_bytes(16)
            values = [self._rng.randrange(-1000, 1000) for _ in range(self._plan.size)]
            self._sent[token] = _Sent(update(self._plan, values, token), tuple(values))
            return token

    async def _open(self) -> None:
        database = Database(self._url)
        await Ledger(database).open(self._plan, int(time.time()))
        await database.close()

    async def _stored(self) -> tuple[set[bytes], "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", int, int]:
        database = Database(self._url)
        ledger = Ledger(database)
        rows = await database.rows(select(ROUND_TOKENS.c.sha256))
        total, found = await ledger.total(self._plan.round), await ledger.one(self._plan.round)
        await database.close()
        sums = np.zeros(8, np.int64) if total is None else np.frombuffer(total.to_bytes(), "<i8")
        return {bytes(digest) for (digest,) in rows}, sums, found.updates, found.weight


class KilledServer(KilledRounds):
    """The whole server is killed, and the next cycle starts another one."""

    def cycle(self) -> int:
        """Kill a server; see :class:`KilledRounds`."""
        before = len(self._answered)
        with serving(self._repository.root, "--database-url", self._url) as server, self.sending(server):
            self.wait_for_answers(1)
            self.wait_a_moment()
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        self.check()
        return len(self._answered) - before


class KilledWorkers(KilledRounds):
    """One of two workers is killed, while the other one goes on."""

    def __init__(self, folder: Path, url: str, rng: random.Random) -> None:
        super().__init__(folder, url, rng)
        self._serving = serving(self._repository.root, "--database-url", url, "--workers", "2")
        self._server = self._serving.__enter__()

    def cycle(self) -> int:
        """Kill a worker; see :class:`KilledRounds`."""
        before = len(self._answered)
        with self.sending(self._server):
            self.wait_for_answers(1)
            self.wait_a_moment()
            workers = _children(self._server.process.pid)
            if workers:
                os.kill(self._rng.choice(workers), signal.SIGKILL)
            self.wait_for_answers(1)
        self.check()
        return len(self._answered) - before

    def close(self) -> None:
        """Stop the server."""
        self._serving.__exit__(None, None, None)


Kind = Callable[[Path, str, random.Random], KilledRounds]
Databases = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """Yield the URL of an SQLite file."""
    yield file_url(folder / "rounds.sqlite3")


@contextmanager
def real_postgresql(_: Path) -> Iterator[str]:
    """Yield the URL of an empty database of a real PostgreSQL."""
    with postgresql() as url:
        yield url


@contextmanager
def killed(kind: Kind, databases: Databases, folder: Path, rng: random.Random) -> Iterator[KilledRounds]:
    """Yield a round whose servers can be killed."""
    with databases(folder) as url:
        made = kind(folder, url, rng)
        try:
            yield made
        finally:
            if isinstance(made, KilledWorkers):
                made.close()


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started (Linux)."""
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in words]
