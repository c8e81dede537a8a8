"""The worker process that holds the language model: where llama.cpp aborts, it must not take the app along.

Run as ``python -m edge_runtime.engines.llama_worker MODEL CONTEXT``. Says first ``{}`` or ``{"refused": why}``, then
answers each line ``{"id", "prompt", "choices", "seed"}`` with ``{"id", "text", "n_tokens"}`` or
``{"id", "error": why}``. When its input ends, the app is gone or wants no more: it ends at once, whatever llama.cpp
is computing.
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

from edge_runtime.reasons.grammar import common_length, grammar

TEMPERATURE: Final = 0.8
SMALL_MODEL_BYTES: Final = 64 << 20
_PR_SET_PDEATHSIG: Final = 1

_NO_LIBRARY = (
    "llama-cpp-python is not installed. Install it with `pip install 'pocketrec[llm]'`; reasons come from the template "
    "until then"
)


class RefusedError(Exception):
    """The model, or one request, cannot be used; the message says why."""


class Model:
    """A GGUF model with one context; what two prompts have in common at their beginning is computed once.

    Args:
        llama_cpp: the low-level library.
        path: the file, its digest already checked.
        context: tokens of prompt and reason together.
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
        # A model of a few MB is faster on one thread than several are at waiting for each other.
        n_threads = 1 if path.stat().st_size < SMALL_MODEL_BYTES else max(1, (os.cpu_count() or 1) // 2)
        options.n_threads = options.n_threads_batch = n_threads
        options.no_perf = True
        self._context = api.llama_init_from_model(self._model, options)
        if not self._context:
            raise RefusedError(f"llama.cpp cannot make a context of {context} tokens for {path.name}")
        self._vocabulary = api.llama_model_get_vocab(self._model)
        self._memory = api.llama_get_memory(self._context)
        self._limit = context
        self._cached: list[int] = []

    def choose(self, prompt: str, choices: Sequence[str], seed: int) -> tuple[str, int]:
        """Return the sentence that the model continues ``prompt`` with, and how many tokens it decoded for it.

        The grammar admits the choices alone; as soon as a single one is left its rest is certain, and is not decoded.

        Raises:
            RefusedError: the prompt is too long, or the grammar does not parse.
        """
        sampler = self._sampler(choices, seed)
        try:
            return self._write(self.tokenize(prompt), choices, sampler)
        finally:
            self._api.llama_sampler_free(sampler)

    def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        """Return the tokens of a text; words that look like control tokens stay words."""
        data = text.encode(errors="replace")
        room = len(data) + 8
        tokens = (self._api.llama_token * room)()
        n = self._api.llama_tokenize(self._vocabulary, data, len(data), tokens, room, add_special, False)
        return list(tokens[:n])

    def _sampler(self, choices: Sequence[str], seed: int) -> Any:  # noqa: ANN401 - a pointer of the library
        api = self._api
        bound = api.llama_sampler_init_grammar(self._vocabulary, grammar(choices).encode(), b"root")
        if not bound:  # a null pointer compares unequal to None
            raise RefusedError("the grammar of this case does not parse")
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        api.llama_sampler_chain_add(chain, bound)
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_temp(TEMPERATURE))
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_dist(seed & 0xFFFFFFFF))
        return chain

    def _write(self, tokens: list[int], choices: Sequence[str], sampler: Any) -> tuple[str, int]:  # noqa: ANN401
        encoded = [choice.encode() for choice in choices]
        if len(tokens) + max(map(len, encoded)) > self._limit:
            raise RefusedError(f"prompt and reason may need more than the {self._limit} tokens of the context")
        self._decode(tokens)
        written, n_tokens = b"", 0
        while len(left := [text for text in encoded if text.startswith(written)]) > 1 or left != [written]:
            if len(left) == 1:
                return left[0].decode(), n_tokens
            token = self._api.llama_sampler_sample(sampler, self._context, -1)
            n_tokens += 1
            if not left or self._api.llama_vocab_is_eog(self._vocabulary, token):
                break
            written += self._piece(token)
            self._decode([*self._cached, token])
        return written.decode(errors="replace"), n_tokens

    def _decode(self, tokens: list[int]) -> None:
        """Make the context hold ``tokens``, computing only those behind what it holds already."""
        kept = min(common_length(self._cached, tokens), len(tokens) - 1)
        if kept < len(self._cached):
            self._api.llama_memory_seq_rm(self._memory, 0, kept, -1)
        fresh = tokens[kept:]
        held = (self._api.llama_token * len(fresh))(*fresh)  # the batch is only a pointer to it
        batch = self._api.llama_batch_get_one(held, len(fresh))
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
    """Return the model.

    Raises:
        RefusedError: llama.cpp is missing, or cannot read the file.
    """
    try:
        from llama_cpp import llama_cpp
    except ImportError as error:
        raise RefusedError(_NO_LIBRARY) from error
    except (OSError, RuntimeError) as error:  # its shared library does not fit this machine
        raise RefusedError(f"llama.cpp cannot be loaded: {error}") from error
    return Model(llama_cpp, path, context)


def main() -> None:
    """Serve until the input ends; nothing but answers goes to the pipe, llama.cpp's own chatter goes nowhere."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
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
    """Return the lines of ``stream`` as they come; this process ends where they do, even while a model is loaded."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    if sys.platform == "linux":  # a stopped process reads no end of its input; the kernel ends it with the app
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return iter(lines.get, None)


def _reply(replies: BinaryIO, message: dict[str, object]) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
