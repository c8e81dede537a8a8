"""A language model in llama.cpp: what one context knows, which adapter it has, and the texts that it writes."""

import ctypes
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from edge_runtime.language_model.grammar import certain, common_length, grammar

TEMPERATURE: Final = 0.8
SMALL_MODEL_BYTES: Final = 64 << 20
MAX_ADAPTERS: Final = 8
"""Adapters that are kept in memory; with one more, the one that was not used for longest is freed."""

BLOCK_TOKENS: Final = 64
"""Tokens of a prompt that are decoded at a time, so that a text can be cancelled before its first token."""

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
        self._adapter: Path | None = None
        self._adapters: dict[Path, Any] = {}  # the one used last comes last

    def use(self, adapter: Path | None) -> None:
        """Attach an adapter in place of the one before, or none; what another adapter has computed is dropped.

        Raises:
            RefusedError: llama.cpp cannot attach it to this model; the one before stays.
        """
        if adapter == self._adapter:
            return
        api, n = self._api, 0 if adapter is None else 1
        pointers = (api.llama_adapter_lora_p_ctypes * n)(*([] if adapter is None else [self._opened(adapter)]))
        scales = (ctypes.c_float * n)(*[1.0] * n)
        if api.llama_set_adapters_lora(self._context, pointers, n, scales):
            raise RefusedError(f"llama.cpp cannot attach {'no adapter' if adapter is None else adapter.name}")
        self._adapter = adapter
        self._forget()

    def _opened(self, adapter: Path) -> Any:  # noqa: ANN401 - an opaque pointer
        """Return an adapter in memory."""
        pointer = self._adapters.pop(adapter, None) or self._api.llama_adapter_lora_init(
            self._model, str(adapter).encode()
        )
        if not pointer:
            raise RefusedError(f"llama.cpp cannot read the adapter {adapter.name}, or it belongs to another model")
        self._adapters[adapter] = pointer
        if len(self._adapters) > MAX_ADAPTERS:
            unused = next(path for path in self._adapters if path != self._adapter)
            self._api.llama_adapter_lora_free(self._adapters.pop(unused))
        return pointer

    def choose(self, prompt: str, choices: Sequence[str], seed: int | None) -> tuple[str, int]:
        """Return the sentence that the model chooses after ``prompt``, and the number of sampled tokens.

        The grammar admits only the choices; decoding stops as soon as a single choice remains.

        Raises:
            RefusedError: the prompt is too long, or the grammar does not parse.
        """
        sampler = self._sampler(grammar(choices), seed)
        try:
            return self._choose(self.tokenize(prompt), choices, sampler)
        finally:
            self._api.llama_sampler_free(sampler)

    def stream(self, prompt: str, rules: str, seed: int | None) -> Iterator[bytes]:
        """Yield the pieces of a text that a GBNF grammar accepts, one for each token, until it is complete.

        Closing the iterator ends it at that token. While the prompt is decoded, the pieces are empty.

        Raises:
            RefusedError: the prompt is too long, the grammar does not parse, or the text does not end in the context.
        """
        sampler = self._sampler(rules, seed)
        try:
            tokens = self.tokenize(prompt)
            yield from self._read(tokens)
            self._decode(tokens)
            while not self._api.llama_vocab_is_eog(self._vocabulary, token := self._sampled(sampler)):
                yield self._piece(token)
                if len(self._cached) == self._limit:
                    raise RefusedError(f"the text does not end within the context of {self._limit} tokens")
                self._decode([*self._cached, token])
        finally:
            self._api.llama_sampler_free(sampler)

    def stream_lines(self, prompt: str, lines: Sequence[Sequence[str]], seed: int | None) -> Iterator[bytes]:
        """Yield the pieces of a text, each line of which the model chooses among some alternatives.

        What is certain is not sampled: it is decoded in one go with what comes before it, so that a text takes one step
        for each token of a decision. Closing the iterator ends it there; empty pieces are as for :meth:`stream`.

        Args:
            prompt: the prompt.
            lines: the alternatives of each line, all of which end with its line break.
            seed: random seed; None for the likeliest token each time.

        Raises:
            RefusedError: the text does not fit into the context, or an alternative is not a line.
        """
        tokens = self.tokenize(prompt)
        yield from self._read(tokens)
        for number, alternatives in enumerate(lines):
            if not alternatives or any(line.count("\n") != 1 or line[-1] != "\n" for line in alternatives):
                raise RefusedError(f"found {list(alternatives)[:3]}, expected alternatives of one line")
            rest = [line.encode() for line in dict.fromkeys(alternatives)]
            while any(rest):
                if known := certain(rest):
                    tokens = [*tokens, *self._tokens(known, add_special=False)]
                    yield known
                    rest = [each[len(known) :] for each in rest]
                else:
                    tokens, rest = yield from self._decide(tokens, rest, None if seed is None else seed + number)

    def _decide(
        self, tokens: list[int], rest: list[bytes], seed: int | None
    ) -> Generator[bytes, None, tuple[list[int], list[bytes]]]:
        """Yield sampled pieces until one alternative is left; return all tokens, and the rest of that alternative."""
        sampler = self._sampler(grammar(each.decode() for each in rest), seed)
        try:
            while len(rest) > 1:
                if len(tokens) > self._limit:
                    raise RefusedError(f"the text does not fit into the context of {self._limit} tokens")
                self._decode(tokens)
                token = self._sampled(sampler)
                piece = self._piece(token)
                tokens, rest = [*tokens, token], [each[len(piece) :] for each in rest if each.startswith(piece)]
                if not rest:
                    raise RefusedError("llama.cpp left the grammar")
                yield piece
        finally:
            self._api.llama_sampler_free(sampler)
        return tokens, rest

    def _read(self, tokens: list[int]) -> Iterator[bytes]:
        """Decode all but the last block of a prompt, and yield an empty piece after each block."""
        if len(tokens) >= self._limit:
            raise RefusedError(f"the prompt has {len(tokens)} tokens, the context {self._limit}")
        known = common_length(self._cached, tokens)
        for end in range(BLOCK_TOKENS, len(tokens), BLOCK_TOKENS):
            if end > known:
                self._decode(tokens[:end])
                yield b""

    def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        """Return the tokens of a text; control tokens in the text are treated as plain text."""
        return self._tokens(text.encode(errors="replace"), add_special=add_special)

    def _tokens(self, data: bytes, *, add_special: bool) -> list[int]:
        capacity = len(data) + 8
        tokens = (self._api.llama_token * capacity)()
        n = self._api.llama_tokenize(self._vocabulary, data, len(data), tokens, capacity, add_special, False)
        return list(tokens[:n])

    def _sampler(self, rules: str, seed: int | None) -> Any:  # noqa: ANN401 - an opaque pointer
        api = self._api
        constraint = api.llama_sampler_init_grammar(self._vocabulary, rules.encode(), b"root")
        if not constraint:  # a null pointer compares unequal to None
            raise RefusedError("the grammar for these choices does not parse")
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        api.llama_sampler_chain_add(chain, constraint)
        if seed is None:
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
        else:
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_temp(TEMPERATURE))
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_dist(seed & 0xFFFFFFFF))
        return chain

    def _choose(self, tokens: list[int], choices: Sequence[str], sampler: Any) -> tuple[str, int]:  # noqa: ANN401
        encoded = [choice.encode() for choice in choices]
        if len(tokens) + max(map(len, encoded)) > self._limit:
            raise RefusedError(f"prompt and reason may exceed the context of {self._limit} tokens")
        self._decode(tokens)
        written, n_tokens = b"", 0
        while len(remaining := [text for text in encoded if text.startswith(written)]) > 1 or remaining != [written]:
            if len(remaining) == 1:
                return remaining[0].decode(), n_tokens
            token = self._sampled(sampler)
            n_tokens += 1
            if not remaining or self._api.llama_vocab_is_eog(self._vocabulary, token):
                break
            written += self._piece(token)
            self._decode([*self._cached, token])
        return written.decode(errors="replace"), n_tokens

    def _sampled(self, sampler: Any) -> int:  # noqa: ANN401 - an opaque pointer
        return int(self._api.llama_sampler_sample(sampler, self._context, -1))

    def _decode(self, tokens: list[int]) -> None:
        """Decode ``tokens``, reusing the cached prefix."""
        n_cached = len(self._cached)
        is_longer = len(tokens) > n_cached and tokens[:n_cached] == self._cached
        kept = n_cached if is_longer else min(common_length(self._cached, tokens), len(tokens) - 1)
        if kept < n_cached and not self._api.llama_memory_seq_rm(self._memory, 0, kept, -1):
            self._forget()  # short convolutions cannot go back by a part
            kept = 0
        fresh = tokens[kept:]
        array = (self._api.llama_token * len(fresh))(*fresh)  # the batch only points to it
        batch = self._api.llama_batch_get_one(array, len(fresh))
        self._cached = []
        if self._api.llama_decode(self._context, batch):
            self._forget()
            raise RefusedError("llama.cpp could not decode the prompt")
        self._cached = tokens

    def _forget(self) -> None:
        """Drop the cached prefix."""
        self._api.llama_memory_clear(self._memory, True)
        self._cached = []

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        n = self._api.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(n, 0)]


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
