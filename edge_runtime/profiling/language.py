"""The language model in a process of its own: time to the first token of a reason, rates, and llama.cpp's own loop.

Request: ``{"model": path, "context": tokens, "prompts": [{"prompt", "choices", "seed"}, ...]}``. Answer:
``{"refused": reason}``, or ``parameters``, ``threads``, ``peak`` (resident bytes), and in ``runs`` an entry for each
prompt but the first, which warms up. Its ``prompt_tokens``, ``fresh_tokens`` (not in the cache), ``tokens``,
``first_ms`` and ``token_ms`` are the reason writer's; ``own_ms`` is the time of a token in a bare loop of
``llama_decode`` and greedy sampling after the same prompt. Who begins is random.
"""

import json
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edge_runtime.language_model.grammar import common_length
from edge_runtime.language_model.model import Model, RefusedError, library
from edge_runtime.profiling.cold import peak_resident

N_TOKENS: Final = 8
"""Tokens of the bare loop if it comes first."""

Request = Mapping[str, Any]


class TimedModel(Model):
    """The model of the worker process, which notes when each decoding begins and ends."""

    spans: list[tuple[int, int]]
    fresh: list[int]

    def _decode(self, tokens: list[int]) -> None:
        self.fresh.append(len(tokens) - min(common_length(self._cached, tokens), len(tokens) - 1))
        begun = time.perf_counter_ns()
        super()._decode(tokens)
        self.spans.append((begun, time.perf_counter_ns()))

    def write(self, request: Request) -> dict[str, float]:
        """Choose a sentence as the device does, and return the times."""
        self.spans, self.fresh, begun = [], [], time.perf_counter_ns()
        _, n_tokens = self.choose(request["prompt"], request["choices"], request["seed"])
        ended = time.perf_counter_ns()
        # The first decoding is the prompt's; the second one begins when the first token has been sampled.
        first = self.spans[1][0] if len(self.spans) > 1 else ended
        token_ms = (ended - self.spans[0][1]) / 1e6 / n_tokens
        first_ms = (first - begun) / 1e6
        return {"tokens": n_tokens, "first_ms": first_ms, "token_ms": token_ms, "fresh_tokens": self.fresh[0]}

    def own_loop(self, request: Request, n_tokens: int) -> float:
        """Return milliseconds a token of llama.cpp alone, after the same prompt."""
        self.spans, self.fresh = [], []
        prompt = self.tokenize(request["prompt"])
        self._decode(prompt)
        api, sampler = self._api, self._api.llama_sampler_init_greedy()
        begun = time.perf_counter_ns()
        for _ in range(n_tokens):
            array = (api.llama_token * 1)(api.llama_sampler_sample(sampler, self._context, -1))
            api.llama_decode(self._context, api.llama_batch_get_one(array, 1))
        spent = time.perf_counter_ns() - begun
        api.llama_sampler_free(sampler)
        if not api.llama_memory_seq_rm(self._memory, 0, len(prompt), -1):
            self._forget()
        return spent / 1e6 / n_tokens

    def remember(self, prompt: str) -> None:
        """Bring the cache into the state after this prompt."""
        self.spans, self.fresh = [], []
        self._decode(self.tokenize(prompt))

    def described(self) -> dict[str, int]:
        """Return the number of parameters, and of threads that decode."""
        api = self._api
        return {
            "parameters": int(api.llama_model_n_params(self._model)),
            "threads": int(api.llama_n_threads(self._context)),
        }


def measure(model: TimedModel, request: Request, before: str, *, writer_first: bool) -> dict[str, float]:
    """Measure one prompt.

    Args:
        model: the model.
        request: the prompt.
        before: the previous prompt, which the model remembers when a user asks for the reasons of a list one by one.
        writer_first: whether the reason writer begins.
    """
    if writer_first:
        model.remember(before)
        writer = model.write(request)
        own_ms = model.own_loop(request, int(writer["tokens"]))
    else:
        own_ms = model.own_loop(request, N_TOKENS)
        model.remember(before)
        writer = model.write(request)
    return {"prompt_tokens": len(model.tokenize(request["prompt"])), "own_ms": own_ms} | writer


def main() -> None:
    """Measure all prompts, and print one JSON object."""
    request = json.load(sys.stdin)
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # llama.cpp logs to both
    os.dup2(null, 2)
    try:
        model = TimedModel(library(), Path(request["model"]), request["context"])
        order = random.Random(0)  # noqa: S311 - no secret
        pairs = zip(request["prompts"], request["prompts"][1:], strict=False)
        runs = [measure(model, one, before["prompt"], writer_first=order.random() < 0.5) for before, one in pairs]
        answer: dict[str, object] = {"runs": runs, "peak": peak_resident(), **model.described()}
    except RefusedError as refused:
        answer = {"refused": str(refused)}
    replies.write(json.dumps(answer))
    replies.flush()


if __name__ == "__main__":
    main()
