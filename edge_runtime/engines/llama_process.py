"""The process of the language model's worker, as the app sees it: requests in, answers out, never a wait without end.

Knows neither llama.cpp nor what is asked.
"""

import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from edge_runtime import child

MAX_ANSWER_BYTES: Final = 1 << 20
_END_TIMEOUT_S: Final = 5.0
_START_ERRORS: Final = (OSError, ValueError, RuntimeError, MemoryError, subprocess.SubprocessError)


class BrokenWorkerError(Exception):
    """The worker did not answer; the message completes "the language model ..."."""


class Worker:
    """One process, a thread that writes its requests and one that reads its answers.

    Threads, so that a worker that does not read its input blocks nobody who asks: on every system a full pipe may be
    waited for without end, but a queue has a time limit.

    Args:
        command: what starts it.

    Raises:
        BrokenWorkerError: it cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._numbers = itertools.count(1)
        self._requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception] = queue.SimpleQueue()
        _start_thread(_run, command, started, self._answers)
        process = started.get()
        if isinstance(process, Exception):
            raise BrokenWorkerError(f"could not be started: {process}") from process
        self._process = process
        self.end = weakref.finalize(self, _end, process, self._requests)
        try:
            _start_thread(_send, process, self._requests)
        except BrokenWorkerError:
            self.end()
            _send(process, self._requests)  # only closes the pipe: the request that ends it is there
            raise

    @property
    def process_id(self) -> int:
        """The worker's."""
        return self._process.pid

    def ask(self, request: dict[str, object], timeout_s: float) -> dict[str, object]:
        """Return the answer to ``request``, both within ``timeout_s``.

        Raises:
            BrokenWorkerError: there is none in time, or none that makes sense.
        """
        number = next(self._numbers)
        self._requests.put(json.dumps({"id": number, **request}).encode() + b"\n")
        return self.receive(timeout_s, number)

    def receive(self, timeout_s: float, number: int | None = None) -> dict[str, object]:
        """Return the answer to request ``number``, or the greeting.

        Answers to earlier requests, given up with Ctrl-C, are dropped.

        Raises:
            BrokenWorkerError: there is none in time, or none that makes sense.
        """
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                line = self._answers.get(timeout=left_s)
            except queue.Empty:
                break
            answer = _parsed(line)
            if number is None or answer.get("id") == number:
                return answer
        raise BrokenWorkerError(f"did not answer within {timeout_s:g} s")

    def leave(self) -> None:
        """Close this process's copies of the pipes, and let the worker live."""
        self.end.detach()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.poll()  # it is no child of this process: from now on nothing here ends or awaits it


def _parsed(line: bytes) -> dict[str, object]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenWorkerError("stopped unexpectedly") from error
    if not isinstance(answer, dict):
        raise BrokenWorkerError("gave an answer that makes no sense")
    return answer


def _start_thread(work: Callable[..., None], *arguments: object) -> None:
    try:
        threading.Thread(target=work, args=arguments, daemon=True).start()
    except RuntimeError as error:  # no more threads, or an interpreter that is ending
        raise BrokenWorkerError(f"could not be started: {error}") from error


def _run(
    command: Sequence[str],
    started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception],
    answers: queue.SimpleQueue[bytes],
) -> None:
    """Start the worker and put each line of it into the queue, and an empty one when there are no more.

    The thread that starts the worker lives as long as the worker does: on Linux the worker ends with it.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, and paths from the caller
            command,
            cwd=child.FOLDER,
            env=child.environment(),
            bufsize=0,  # a buffer has a lock, which a fork may leave locked
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the app; the worker ends with its input
        )
    except _START_ERRORS as error:
        started.put(error)
        return
    started.put(process)
    rest = b""
    if process.stdout is not None:
        with process.stdout as pipe:
            while len(rest) < MAX_ANSWER_BYTES and (data := pipe.read(1 << 16)):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    answers.put(line)
    answers.put(b"")


def _send(process: subprocess.Popen[bytes], requests: queue.SimpleQueue[bytes]) -> None:
    """Write each request to the worker until an empty one comes; what a dead worker had not read is lost."""
    if process.stdin is not None:
        with process.stdin as pipe:
            while left := memoryview(requests.get()):
                try:
                    while left:
                        left = left[pipe.write(left) :]
                except OSError:  # the thread that reads says so
                    return


def _end(process: subprocess.Popen[bytes], requests: queue.SimpleQueue[bytes]) -> None:
    requests.put(b"")
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # one that the kernel holds fast ends when it is let go
        process.wait(_END_TIMEOUT_S)
