"""The app's side of the language model: starts, supervises and restarts a worker process.

Messages are one line of JSON each; :mod:`edge_runtime.language_model.worker` describes them.
"""

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from edge_runtime import child
from edge_runtime.errors import BundleError
from edge_runtime.language_model.process import BrokenWorkerError, Worker
from edge_runtime.language_model.writer import WriterError

WORKER: Final = tuple(child.command("edge_runtime.language_model.worker"))
MAX_FAILURES: Final = 2


ModelFile = Path | Callable[[], Path]
"""A file, or a function that checks and returns it."""


class LlamaWriter:
    """Writes with a GGUF model, in a worker process that starts with the first request.

    A worker that crashes or exceeds a time limit is stopped, and restarted by the next request. After two failures in a
    row, or if llama.cpp or the model file is unusable, no further request is sent. Thread-safe: a request ends the text
    that is being written, so that nothing waits for a text that nobody reads any more. A forked process starts its own
    worker.

    Args:
        model: the model file; a function is called before each start.
        context: context size in tokens, prompt and text together.
        adapters: LoRA adapters by name; a function is called once for each worker.
        timeout_s: time limit of a request, and of each piece of a text.
        start_timeout_s: time limit for loading the model.
        command: the command line of the worker.
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        context: int,
        adapters: Mapping[str, ModelFile] = MappingProxyType({}),
        timeout_s: float = 5.0,
        start_timeout_s: float = 30.0,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._model = model
        self._context = context
        self._adapters = adapters
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        self._command = tuple(command)
        self._lock = threading.Lock()  # one request at a time
        self._gate = threading.Lock()  # guards `_worker` and `_closed`: closing does not wait for a request
        self._worker: Worker | None = None
        self._checked: dict[str, str] = {}  # paths of the adapters that this worker may read
        self._text: _Text | None = None  # the text that is being written
        self._closed = False
        self._failures = 0
        self._refusal: str | None = None
        _WRITERS.add(self)

    def write(self, prompt: str, choices: tuple[str, ...], seed: int, *, adapter: str | None = None) -> str:
        """Return the sentence that the model chose.

        Args:
            prompt: the prompt.
            choices: the sentences to choose from.
            seed: random seed.
            adapter: name of the adapter to write with; None for the model alone.

        Raises:
            WriterError: the model is missing, slow, rejected, crashed or closed; or there is no such adapter.
        """
        with self._lock, self._counted():
            worker = self._ready()
            number = worker.send({"prompt": prompt, "choices": choices, "seed": seed, **self._with(adapter)})
            answer = worker.receive(self._timeout_s, number)
        text = answer.get("text")
        if not isinstance(text, str):
            raise WriterError(_failed(answer, "no text in its answer"))
        return text

    def stream(self, prompt: str, grammar: str, seed: int, *, adapter: str | None = None) -> Generator[str, None, None]:
        """Yield the pieces of a text that a GBNF grammar accepts; closing the iterator cancels it within a token.

        Arguments are those of :meth:`write`.

        Raises:
            WriterError: as for :meth:`write`, or a newer request has ended this text.
        """
        return self._streamed({"prompt": prompt, "grammar": grammar, "seed": seed}, adapter)

    def stream_lines(
        self, prompt: str, lines: Sequence[Sequence[str]], seed: int | None, *, adapter: str | None = None
    ) -> Generator[str, None, None]:
        """Yield the pieces of a text, each line of which is one of some alternatives; else as :meth:`stream`.

        Without a seed, the likeliest token is taken each time.
        """
        return self._streamed({"prompt": prompt, "lines": lines, "seed": seed}, adapter)

    def _streamed(self, request: dict[str, object], adapter: str | None) -> Generator[str, None, None]:
        with self._lock, self._counted():
            worker = self._ready()
            text = self._text = _Text(worker, worker.send(request | self._with(adapter)))
        try:
            while True:
                answer = self._next_of(text)
                if "end" in answer:
                    return
                piece = answer.get("piece")
                if not isinstance(piece, str):
                    raise WriterError(_failed(answer, "no piece in its answer"))
                yield piece
        finally:
            with self._gate:
                if self._text is text:
                    self._text = None
            text.cancel()

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

    def _ready(self) -> Worker:
        """Return the worker for a new request, which ends the text that is being written."""
        if self._closed:
            raise WriterError(_CLOSED)
        if self._refusal is not None:
            raise WriterError(self._refusal)
        with self._gate:
            text, self._text = self._text, None
        if text is not None:
            text.cancel()
        return self._worker or self._start()

    def _with(self, adapter: str | None) -> dict[str, str]:
        """Return the part of a request that names an adapter."""
        if adapter is None:
            return {}
        if adapter not in self._checked:
            if adapter not in self._adapters:
                raise WriterError(f"found no adapter {adapter!r}; the adapters are {sorted(self._adapters)}")
            try:
                self._checked[adapter] = str(_checked(self._adapters[adapter]))
            except (BundleError, OSError) as error:
                raise WriterError(f"the adapter {adapter!r} is not used: {error}") from error
        return {"adapter": self._checked[adapter]}

    def _next_of(self, text: "_Text") -> dict[str, object]:
        with self._lock, self._counted():
            if self._text is not text:
                raise WriterError(_CLOSED if self._closed else "a newer request has ended this text")
            return text.worker.receive(self._timeout_s, text.number)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Stop a broken worker, count its failures, and raise them as those of the language model."""
        try:
            yield
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

    def _start(self) -> Worker:
        try:
            model = _checked(self._model)
        except (BundleError, OSError) as error:
            self._refusal = f"the language model is not used: {error}"
            raise WriterError(self._refusal) from error
        if self._closed:
            raise WriterError(_CLOSED)
        self._checked = {}
        worker = Worker([*self._command, str(model), str(self._context)])
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
            self._text = None
        if worker is not None:
            worker.end()

    def _reset(self) -> None:
        """Forget the worker, which belongs to the parent of this forked process."""
        self._lock, self._gate = threading.Lock(), threading.Lock()  # a thread of the parent may have held them
        worker, self._worker = self._worker, None
        self._text = None
        if worker is not None:
            worker.detach()


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """A text that a worker is writing.

    Attributes:
        worker: the worker.
        number: number of the request.
    """

    worker: Worker
    number: int

    def cancel(self) -> None:
        """End the text at its next token; without effect if it has ended."""
        self.worker.cancel(self.number)


def _checked(file: ModelFile) -> Path:
    return (file() if callable(file) else file).absolute()


def _failed(answer: Mapping[str, object], otherwise: str) -> str:
    return f"the language model failed: {answer.get('error', otherwise)}"


_CLOSED: Final = "the language model was closed"
_WRITERS: Final[weakref.WeakSet[LlamaWriter]] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for writer in list(_WRITERS):
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
