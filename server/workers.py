"""Several processes that share one listening socket. POSIX only.

It imports nothing of the server, because :func:`sharing_metrics` must come before the metrics are imported.
"""

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

log = logging.getLogger(__name__)

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
RESTART_S: Final = 1.0
MOST_FAILURES: Final = 3
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def sharing_metrics(workers: int) -> Iterator[None]:
    """Let all processes that start in the block add up their metrics, if there are several."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="pocketrec-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[METRICS_FOLDER]


class Workers:
    """Keeps processes running until SIGINT or SIGTERM, which it passes on.

    Args:
        count: number of processes.
        work: what a process does; it gets whether it is the very first one, and returns after a signal.
    """

    def __init__(self, count: int, work: Callable[[bool], None]) -> None:
        self._count, self._work = count, work
        self._started: dict[int, float] = {}
        self._failures = 0
        self._is_stopping = False
        self._alive, self._parent = os.pipe()  # closes when this process ends, however it ends

    def run(self) -> int:
        """Return the exit code: 0 after a signal, 1 if the processes fail at once again and again."""
        before = {number: signal.signal(number, self._pass_on) for number in _SIGNALS}
        try:
            for index in range(self._count):
                self._start(is_first=index == 0)
            while self._started:
                self._wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._alive)
            os.close(self._parent)
        return 1 if self._failures >= MOST_FAILURES else 0

    def _start(self, *, is_first: bool) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_a_worker(is_first)
        self._started[pid] = time.monotonic()

    def _be_a_worker(self, is_first: bool) -> None:
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C reaches the first process only, which passes it on
            os.close(self._parent)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            threading.Thread(target=self._end_with_the_first, daemon=True).start()
            self._work(is_first)
            code = 0
        except Exception:
            log.exception("a worker failed")
        finally:
            logging.shutdown()
            os._exit(code)

    def _end_with_the_first(self) -> None:
        os.read(self._alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> None:
        pid, status = os.waitpid(-1, 0)
        began = self._started.pop(pid, None)
        if began is None or self._is_stopping:
            return
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:  # one that was killed, as for lack of memory, says nothing about the next one
            self._failures = self._failures + 1 if time.monotonic() - began < 2 * RESTART_S else 0
        log.error("worker %d ended with %d", pid, code)
        if self._failures >= MOST_FAILURES:
            log.error("workers end as soon as they start; stopping")
            self._stop(signal.SIGTERM)
            return
        time.sleep(RESTART_S)
        if not self._is_stopping:
            self._start(is_first=False)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._stop(number)

    def _stop(self, number: int) -> None:
        self._is_stopping = True
        for pid in list(self._started):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
