"""The language model from the app's side: a worker process that may be slow or die without the app noticing much.

Knows no llama.cpp; `llama_worker` does. One line of JSON a message, over the worker's own pipes.
"""

import contextlib
import itertools
import json
import os
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edge_runtime import child
from edge_runtime.errors import BundleError
from edge_runtime.reasons.writer import WriterError

WORKER: Final = tuple(child.command("edge_runtime.engines.llama_worker"))
MAX_FAILURES: Final = 2
MAX_ANSWER_BYTES: Final = 1 << 20
_END_TIMEOUT_S: Final = 5.0


class LlamaWriter:
    """Lets a GGUF model choose sentences, in a worker process that starts with the first request.

    A worker that crashes or exceeds its time is ended and started anew with the next request. After two failures in a
    row, or when llama.cpp or the file cannot be used at all, it is left alone. Threads may share a writer; a forked
    process that asks starts a worker of its own.

    Args:
        model: the file, or a function that checks it and returns it; called before each start.
        context: tokens of prompt and reason together.
        timeout_s: of one request, from its first byte written to its answer read.
        start_timeout_s: of loading the model.
        command: what starts the worker, for tests.
    """

    def __init__(
        self,
        model: Path | Callable[[], Path],
        *,
        context: int,
        timeout_s: float = 5.0,
        start_timeout_s: float = 30.0,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._model = model
        self._context = context
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        self._command = tuple(command)
        self._lock = threading.Lock()  # one request at a time
        self._gate = threading.Lock()  # of `_worker` and `_closed`: closing does not wait for a request
        self._worker: _Worker | None = None
        self._closed = False
        self._failures = 0
        self._refusal: str | None = None
        _WRITERS.add(self)

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        """Return the sentence that the model chose.

        Raises:
            WriterError: it is absent, slow, refused, crashed or closed.
        """
        request = {"prompt": prompt, "choices": choices, "seed": seed}
        with self._lock:
            if self._closed:
                raise WriterError(_CLOSED)
            if self._refusal is not None:
                raise WriterError(self._refusal)
            answer = self._ask(request)
        text = answer.get("text")
        if not isinstance(text, str):
            raise WriterError(f"the language model refused: {answer.get('error', 'no text in its answer')}")
        return text

    @property
    def process_id(self) -> int | None:
        """The worker's, while it runs."""
        worker = self._worker
        return worker.process_id if worker is not None else None

    def close(self) -> None:
        """End the worker for good; a request under way fails at once, and so does every later one."""
        with self._gate:
            self._closed = True
        self._stop()

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        try:
            worker = self._worker or self._start()
            answer = worker.ask(request, self._timeout_s)
        except _BrokenWorkerError as broken:
            self._stop()
            if self._closed:
                raise WriterError(_CLOSED) from broken
            self._failures += 1
            message = f"the language model {broken}"
            if self._failures >= MAX_FAILURES:
                self._refusal = f"{message}; it failed {self._failures} times and is not asked again"
            raise WriterError(message) from broken
        self._failures = 0
        return answer

    def _start(self) -> "_Worker":
        try:
            model = self._model() if callable(self._model) else self._model
        except (BundleError, OSError) as error:
            self._refusal = f"the language model is not used: {error}"
            raise WriterError(self._refusal) from error
        worker = _Worker([*self._command, str(model.absolute()), str(self._context)])
        self._keep(worker)
        try:
            greeting = worker.receive(self._start_timeout_s)
        except BaseException:  # Ctrl-C too: what has not greeted is not ready for a request
            self._stop()
            raise
        if "refused" in greeting:
            self._stop()
            self._refusal = f"the language model is not used: {greeting['refused']}"
            raise WriterError(self._refusal)
        return worker

    def _keep(self, worker: "_Worker") -> None:
        with self._gate:
            if not self._closed:
                self._worker = worker
                return
        worker.end()
        raise WriterError(_CLOSED)

    def _stop(self) -> None:
        with self._gate:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _start_over(self) -> None:
        """Leave the worker to the process that this one was forked from."""
        self._lock, self._gate = threading.Lock(), threading.Lock()  # a thread that is not here may have held them
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.leave()


_CLOSED: Final = "the language model was closed"
_WRITERS: Final[weakref.WeakSet[LlamaWriter]] = weakref.WeakSet()


def _start_over_after_a_fork() -> None:
    for writer in list(_WRITERS):
        writer._start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over_after_a_fork)


class _BrokenWorkerError(Exception):
    """The worker did not answer; the message completes "the language model ..."."""


class _Worker:
    """One process, a thread that writes its requests and one that reads its answers.

    Threads, so that a worker that does not read its input blocks nobody who asks: on every system a full pipe may be
    waited for without end, but a queue has a time limit.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._numbers = itertools.count(1)
        self._requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        threading.Thread(target=_run, args=(command, started, self._answers), daemon=True).start()
        process = started.get()
        if isinstance(process, OSError):
            raise _BrokenWorkerError(f"could not be started: {process}") from process
        self._process = process
        threading.Thread(target=_send, args=(process, self._requests), daemon=True).start()
        self.end = weakref.finalize(self, _end, process, self._requests)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, object], timeout_s: float) -> dict[str, object]:
        number = next(self._numbers)
        self._requests.put(json.dumps({"id": number, **request}).encode() + b"\n")
        return self.receive(timeout_s, number)

    def receive(self, timeout_s: float, number: int | None = None) -> dict[str, object]:
        """Return the answer to request ``number``, or the greeting.

        Answers to earlier requests, given up with Ctrl-C, are dropped.
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
        raise _BrokenWorkerError(f"did not answer within {timeout_s:g} s")

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
        raise _BrokenWorkerError("stopped unexpectedly") from error
    if not isinstance(answer, dict):
        raise _BrokenWorkerError("gave an answer that makes no sense")
    return answer


def _run(
    command: Sequence[str],
    started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError],
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
    except OSError as error:
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
