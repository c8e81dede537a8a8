"""The language model from the app's side: a worker process that may be slow or die without the app noticing much.

Knows no llama.cpp; `llama_worker` does. One line of JSON a message, over the worker's own pipes.
"""

import json
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edge_runtime.errors import BundleError
from edge_runtime.reasons.writer import WriterError

WORKER: Final = (sys.executable, "-m", "edge_runtime.engines.llama_worker")
MAX_FAILURES: Final = 2


class LlamaWriter:
    """Lets a GGUF model choose sentences, in a worker process that starts with the first request.

    A worker that crashes or exceeds its time is ended and started anew with the next request. After two failures in a
    row, or when llama.cpp or the file cannot be used at all, it is left alone. Safe to call from several threads.

    Args:
        model: the file, or a function that checks it and returns it; called before each start.
        context: tokens of prompt and reason together.
        timeout_s: of one request.
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
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._failures = 0
        self._refusal: str | None = None

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        """Return the sentence that the model chose.

        Raises:
            WriterError: it is absent, slow, refused or crashed.
        """
        request = {"prompt": prompt, "choices": choices, "seed": seed}
        with self._lock:
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
        return self._worker.process_id if self._worker is not None else None

    def close(self) -> None:
        """End the worker; a later request starts it again."""
        with self._lock:
            self._stop()

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        try:
            if self._worker is None:
                self._worker = self._start()
            answer = self._worker.ask(request, self._timeout_s)
        except _BrokenWorkerError as broken:
            self._stop()
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
        worker = _Worker([*self._command, str(model), str(self._context)])
        try:
            greeting = worker.receive(self._start_timeout_s)
        except _BrokenWorkerError:
            worker.end()
            raise
        if "refused" in greeting:
            worker.end()
            self._refusal = f"the language model is not used: {greeting['refused']}"
            raise WriterError(self._refusal)
        return worker

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _BrokenWorkerError(Exception):
    """The worker did not answer; the message completes "the language model ..."."""


class _Worker:
    """One process and the thread that reads its answers."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, and paths from the caller
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is for the app; the worker ends with its input
            )
        except OSError as error:
            raise _BrokenWorkerError(f"could not be started: {error}") from error
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_forward, args=(self._process, self._answers), daemon=True).start()
        self.end = weakref.finalize(self, _end, self._process)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, object], timeout_s: float) -> dict[str, object]:
        line = json.dumps(request).encode() + b"\n"
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except OSError as error:
            raise _BrokenWorkerError("stopped unexpectedly") from error
        return self.receive(timeout_s)

    def receive(self, timeout_s: float) -> dict[str, object]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty as error:
            raise _BrokenWorkerError(f"did not answer within {timeout_s:g} s") from error
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise _BrokenWorkerError("stopped unexpectedly") from error
        if not isinstance(answer, dict):
            raise _BrokenWorkerError("gave an answer that makes no sense")
        return answer


def _forward(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Put each line of the worker into the queue, and an empty one when there are no more."""
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                answers.put(line)
    answers.put(b"")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        try:
            process.stdin.close()
        except OSError:  # what it had not read yet is lost, as meant
            return
