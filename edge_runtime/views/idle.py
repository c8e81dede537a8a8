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
        # Guards the three fields below and is notified when one of them changes. The thread changes only `_has_work`:
        # with one flag for "may run" and "closed", its "nothing left to learn" could overwrite "closed".
        self._changed = threading.Condition()
        self._is_waiting = False
        self._has_work = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Learn within this context."""
        if self._recommender.manifest.learning is None:
            yield
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="learning", daemon=True)
            self._thread.start()
        with self._changed:
            self._is_waiting = self._has_work = True
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._is_waiting = False

    def _run(self) -> None:
        while self._wait():
            try:
                result = self._recommender.learn(PIECE_S)
            except (PocketRecError, ValueError):
                return  # the command `learning` meets the same error, and says it
            if result.finished or result.paused:
                with self._changed:
                    self._has_work = False  # until the next line

    def _wait(self) -> bool:
        """Wait until there is something to learn, or the session is closed; return whether to learn."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or (self._is_waiting and self._has_work))
            return not self._is_closed
