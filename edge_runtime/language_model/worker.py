"""The worker process of the language model; a crash of llama.cpp ends the worker and not the app.

Run as ``python -m edge_runtime.language_model.worker MODEL CONTEXT``. It first prints ``{}`` or
``{"refused": reason}``, then answers each line ``{"id", "prompt", "choices", "seed"}`` with
``{"id", "text", "n_tokens"}`` or ``{"id", "error": reason}``. It exits at once when its input ends, even while
llama.cpp is computing.
"""

import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final

from edge_runtime.language_model.grammar import common_length, grammar

TEMPERATURE: Final = 0.8
SMALL_MODEL_BYTES: Final = 64 << 20
_PR_SET_PDEATHSIG: Final = 1

_NO_LIBRARY = (
    "llama-cpp-python is not installed. Install it with `pip install llama-cpp-python`; until then, reasons come "
    "from the template"
)


class RefusedError(Exception):
    """The model cannot be used, or a request cannot be answered; the message states the reason."""


class Model:
    """A GGUF model with one context; the common prefix of successive prompts is cached.

    Args:
        llama_cpp: the low-level bindings.
        path: the model file, with a checked digest.
        context: context size in tokens, prompt and reason together.
    """

    def __init__(self, llama_cpp: ModuleType, path: Path, context: int) -> None:
        self._api: Any = llama_cpp
        api = self._api
        api.llama_backend_init()
        parameters = api.llama_model_default_params()
        self._model = api.llama_model_load_from_file(str(path).encode(), parameters)
        if not self._model:
            raise RefusedError(f"llama.cpp cannot read {path.name}")
        options = api.llama_context_default_params()
        options.n_ctx = options.n_batch = options.n_ubatch = context
        # A model of a few MB is fastest on one thread: several would mostly wait for each other.
        n_threads = 1 if path.stat().st_size < SMALL_MODEL_BYTES else max(1, (os.cpu_count() or 1) // 2)
        options.n_threads = options.n_threads_batch = n_threads
        options.no_perf = True
        self._context = api.llama_init_from_model(self._model, options)
        if not self._context:
            raise RefusedError(f"llama.cpp cannot create a context of {context} tokens for {path.name}")
        self._vocabulary = api.llama_model_get_vocab(self._model)
        self._memory = api.llama_get_memory(self._context)
        self._limit = context
        self._cached: list[int] = []

    def choose(self, prompt: str, choices: Sequence[str], seed: int) -> tuple[str, int]:
        """Return the sentence that the model chooses after ``prompt``, and the number of sampled tokens.

        The grammar admits only the choices; decoding stops as soon as a single choice remains.

        Raises:
            RefusedError: the prompt is too long, or the grammar does not parse.
        """
        sampler = self._sampler(choices, seed)
        try:
            return self._write(self.tokenize(prompt), choices, sampler)
        finally:
            self._api.llama_sampler_free(sampler)

    def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        """Return the tokens of a text; control tokens in the text are treated as plain text."""
        data = text.encode(errors="replace")
        capacity = len(data) + 8
        tokens = (self._api.llama_token * capacity)()
        n = self._api.llama_tokenize(self._vocabulary, data, len(data), tokens, capacity, add_special, False)
        return list(tokens[:n])

    def _sampler(self, choices: Sequence[str], seed: int) -> Any:  # noqa: ANN401 - an opaque pointer
        api = self._api
        constraint = api.llama_sampler_init_grammar(self._vocabulary, grammar(choices).encode(), b"root")
        if not constraint:  # a null pointer compares unequal to None
            raise RefusedError("the grammar for these choices does not parse")
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        api.llama_sampler_chain_add(chain, constraint)
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_temp(TEMPERATURE))
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_dist(seed & 0xFFFFFFFF))
        return chain

    def _write(self, tokens: list[int], choices: Sequence[str], sampler: Any) -> tuple[str, int]:  # noqa: ANN401
        encoded = [choice.encode() for choice in choices]
        if len(tokens) + max(map(len, encoded)) > self._limit:
            raise RefusedError(f"prompt and reason may exceed the context of {self._limit} tokens")
        self._decode(tokens)
        written, n_tokens = b"", 0
        while len(remaining := [text for text in encoded if text.startswith(written)]) > 1 or remaining != [written]:
            if len(remaining) == 1:
                return remaining[0].decode(), n_tokens
            token = self._api.llama_sampler_sample(sampler, self._context, -1)
            n_tokens += 1
            if not remaining or self._api.llama_vocab_is_eog(self._vocabulary, token):
                break
            written += self._piece(token)
            self._decode([*self._cached, token])
        return written.decode(errors="replace"), n_tokens

    def _decode(self, tokens: list[int]) -> None:
        """Decode ``tokens``, reusing the cached prefix."""
        kept = min(common_length(self._cached, tokens), len(tokens) - 1)
        if kept < len(self._cached):
            self._api.llama_memory_seq_rm(self._memory, 0, kept, -1)
        fresh = tokens[kept:]
        array = (self._api.llama_token * len(fresh))(*fresh)  # the batch only points to it
        batch = self._api.llama_batch_get_one(array, len(fresh))
        self._cached = []
        if self._api.llama_decode(self._context, batch):
            self._api.llama_memory_clear(self._memory, True)
            raise RefusedError("llama.cpp could not decode the prompt")
        self._cached = tokens

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        n = self._api.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(n, 0)]


def answer(model: Model, line: bytes) -> dict[str, object]:
    """Return the answer to one request."""
    request = json.loads(line)
    try:
        text, n_tokens = model.choose(request["prompt"], request["choices"], request["seed"])
    except RefusedError as refused:
        return {"id": request["id"], "error": str(refused)}
    return {"id": request["id"], "text": text, "n_tokens": n_tokens}


def load(path: Path, context: int) -> Model:
    """Load the model.

    Raises:
        RefusedError: llama.cpp is not installed, or cannot read the file.
    """
    return Model(library(), path, context)


def library() -> ModuleType:
    """Import the low-level bindings of llama.cpp.

    Raises:
        RefusedError: llama.cpp is not installed, or does not support this machine.
    """
    try:
        from llama_cpp import llama_cpp
    except ImportError as error:
        raise RefusedError(_NO_LIBRARY) from error
    except (OSError, RuntimeError) as error:  # its shared library does not support this machine
        raise RefusedError(f"llama.cpp cannot be loaded: {error}") from error
    module: ModuleType = llama_cpp
    return module


def main() -> None:
    """Answer requests until the input ends; the log output of llama.cpp is discarded."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    requests = _requests(sys.stdin.buffer)
    try:
        model = load(Path(sys.argv[1]), int(sys.argv[2]))
    except RefusedError as refused:
        _reply(replies, {"refused": str(refused)})
        return
    _reply(replies, {})
    for line in requests:
        _reply(replies, answer(model, line))


def _requests(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of ``stream``; the process exits at its end, even while a model is being loaded."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    if sys.platform == "linux":  # a stopped process does not see the end of its input; the kernel kills it with the app
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return iter(lines.get, None)


def _reply(replies: BinaryIO, message: dict[str, object]) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
