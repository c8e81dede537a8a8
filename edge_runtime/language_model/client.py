"""The app's side of the language model: starts, supervises and restarts a worker process.

Messages are one line of JSON each; :mod:`edge_runtime.language_model.worker` describes them.
"""

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edge_runtime import child
from edge_runtime.errors import BundleError
from edge_runtime.language_model.process import BrokenWorkerError, Worker
from edge_runtime.language_model.writer import WriterError

WORKER: Final = tuple(child.command("edge_runtime.language_model.worker"))
MAX_FAILURES: Final = 2


class LlamaWriter:
    """Chooses sentences with a GGUF model, in a worker process that starts with the first request.

    A worker that crashes or exceeds a time limit is stopped, and restarted by the next request. After two failures in a
    row, or if llama.cpp or the model file is unusable, no further request is sent. Thread-safe; a forked process starts
    its own worker.

    Args:
        model: the model file, or a function that checks and returns it, called before each start.
        context: context size in tokens, prompt and reason together.
        timeout_s: time limit of a request.
        start_timeout_s: time limit for loading the model.
        command: the command line of the worker.
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
        self._gate = threading.Lock()  # guards `_worker` and `_closed`: closing does not wait for a request
        self._worker: Worker | None = None
        self._closed = False
        self._failures = 0
        self._refusal: str | None = None
        _WRITERS.add(self)

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        """Return the sentence that the model chose.

        Raises:
            WriterError: the model is missing, slow, rejected, crashed or closed.
        """
        request = {"prompt": prompt, "choices": choices, "seed": seed}
        with self._lock:
            if self._closed:
                raise WriterError(_CLOSED)
            if self._refusal is not None:
                raise WriterError(self._refusal)
            answer = self._request(request)
        text = answer.get("text")
        if not isinstance(text, str):
            raise WriterError(f"the language model failed: {answer.get('error', 'no text in its answer')}")
        return text

    @property
    def process_id(self) -> int | None:
        """Process id of the worker, if it runs."""
        worker = self._worker
        return worker.process_id if worker is not None else None

    def close(self) -> None:
        """Stop the worker; pending and later requests fail."""
        with self._gate:
            self._closed = True
        self._stop()

    def _request(self, request: dict[str, object]) -> dict[str, object]:
        try:
            worker = self._worker or self._start()
            answer = worker.request(request, self._timeout_s)
        except BrokenWorkerError as broken:
            self._stop()
            if self._closed:
                raise WriterError(_CLOSED) from broken
            self._failures += 1
            message = f"the language model {broken}"
            if self._failures >= MAX_FAILURES:
                self._refusal = f"{message}; it failed {self._failures} times and is not used again"
            raise WriterError(message) from broken
        self._failures = 0
        return answer

    def _start(self) -> Worker:
        try:
            model = self._model() if callable(self._model) else self._model
        except (BundleError, OSError) as error:
            self._refusal = f"the language model is not used: {error}"
            raise WriterError(self._refusal) from error
        if self._closed:
            raise WriterError(_CLOSED)
        worker = Worker([*self._command, str(model.absolute()), str(self._context)])
        self._keep(worker)
        try:
            greeting = worker.receive(self._start_timeout_s)
        except BaseException:  # Ctrl-C too: a worker without its first message is not ready
            self._stop()
            raise
        if "refused" in greeting:
            self._stop()
            self._refusal = f"the language model is not used: {greeting['refused']}"
            raise WriterError(self._refusal)
        return worker

    def _keep(self, worker: Worker) -> None:
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

    def _reset(self) -> None:
        """Forget the worker, which belongs to the parent of this forked process."""
        self._lock, self._gate = threading.Lock(), threading.Lock()  # a thread of the parent may have held them
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.detach()


_CLOSED: Final = "the language model was closed"
_WRITERS: Final[weakref.WeakSet[LlamaWriter]] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for writer in list(_WRITERS):
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
