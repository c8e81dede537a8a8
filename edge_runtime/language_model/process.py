"""The parent side of the language model worker process: JSON requests and answers over pipes, with time limits."""

import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from edge_runtime import child

MAX_ANSWER_BYTES: Final = 1 << 20
_END_TIMEOUT_S: Final = 5.0
_START_ERRORS: Final = (OSError, ValueError, RuntimeError, MemoryError, subprocess.SubprocessError)


class BrokenWorkerError(Exception):
    """The worker did not answer; the message continues "the language model ..."."""


class Worker:
    """A worker process with one thread that writes requests and one that reads answers.

    With threads, a worker that does not read its input cannot block the caller: writing to a full pipe has no portable
    time limit, waiting for a queue has one.

    Args:
        command: the command line of the worker.

    Raises:
        BrokenWorkerError: the process cannot be started.
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
            _send(process, self._requests)  # only closes the pipe: the end marker is already queued
            raise

    @property
    def process_id(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def send(self, message: Mapping[str, object]) -> int:
        """Send a request, and return its number."""
        number = next(self._numbers)
        self._put({"id": number, **message})
        return number

    def cancel(self, number: int) -> None:
        """End request ``number``, and all before it, as soon as the worker reads this."""
        self._put({"cancel": number})

    def _put(self, message: Mapping[str, object]) -> None:
        self._requests.put(json.dumps(message).encode() + b"\n")

    def receive(self, timeout_s: float, number: int | None = None) -> dict[str, object]:
        """Return the next answer to request ``number``, or the first message if ``number`` is None.

        Answers to earlier requests, which were interrupted, are dropped.

        Raises:
            BrokenWorkerError: there is no answer in time, or it is invalid.
        """
        deadline = time.monotonic() + timeout_s
        while (remaining_s := deadline - time.monotonic()) > 0:
            try:
                line = self._answers.get(timeout=remaining_s)
            except queue.Empty:
                break
            answer = _parsed(line)
            if number is None or answer.get("id") == number:
                return answer
        raise BrokenWorkerError(f"did not answer within {timeout_s:g} s")

    def detach(self) -> None:
        """Close this process's copies of the pipes without stopping the worker."""
        self.end.detach()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.poll()  # not a child of this process: from now on nothing here stops it or waits for it


def _parsed(line: bytes) -> dict[str, object]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenWorkerError("stopped unexpectedly") from error
    if not isinstance(answer, dict):
        raise BrokenWorkerError("sent an invalid answer")
    return answer


def _start_thread(work: Callable[..., None], *arguments: object) -> None:
    try:
        threading.Thread(target=work, args=arguments, daemon=True).start()
    except RuntimeError as error:  # no more threads, or the interpreter is shutting down
        raise BrokenWorkerError(f"could not be started: {error}") from error


def _run(
    command: Sequence[str],
    started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception],
    answers: queue.SimpleQueue[bytes],
) -> None:
    """Start the worker and queue each line of its output, then an empty line at the end.

    The thread that starts the worker must outlive it: on Linux the worker is killed when this thread ends.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - a module of this project, and paths from the caller
            command,
            cwd=child.FOLDER,
            env=child.environment(),
            bufsize=0,  # a buffer has a lock, which may stay locked after a fork
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must not reach the worker, which ends with its input
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
    """Write queued requests to the worker until an empty one; requests that a dead worker did not read are lost."""
    if process.stdin is not None:
        with process.stdin as pipe:
            while data := memoryview(requests.get()):
                try:
                    while data:
                        data = data[pipe.write(data) :]
                except OSError:  # the reading thread reports it
                    return


def _end(process: subprocess.Popen[bytes], requests: queue.SimpleQueue[bytes]) -> None:
    requests.put(b"")
    process.kill()
    with contextlib.suppress(
        subprocess.TimeoutExpired
    ):  # a process stuck in the kernel ends when the kernel releases it
        process.wait(_END_TIMEOUT_S)
