"""Learning while a session waits for its user."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from edge_runtime.errors import PocketRecError
from edge_runtime.recommender import Recommender

PIECE_S: Final = 0.1
"""Seconds of learning after which a session that is closed, or has a line to execute, is noticed."""


class IdleLearner:
    """Learns in a thread while a line is awaited; a bundle without settings of learning costs nothing.

    Args:
        recommender: the user's; closed after this.
    """

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._is_idle = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        self._is_idle.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Learn within this context."""
        if self._recommender.manifest.learning is not None:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="learning", daemon=True)
                self._thread.start()
            self._is_idle.set()
        try:
            yield
        finally:
            if not self._is_closed:
                self._is_idle.clear()

    def _run(self) -> None:
        while self._is_idle.wait() and not self._is_closed:
            try:
                result = self._recommender.learn(PIECE_S)
            except (PocketRecError, ValueError):
                return  # the command `learning` meets the same error, and says it
            if result.finished or result.paused:
                self._is_idle.clear()  # until the next line
