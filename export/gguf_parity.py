"""Compares a GGUF file in llama.cpp with the model that it was converted from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.quantize_gguf import silence_log
from train.quiet_transformers import quiet_transformers


@dataclass(frozen=True, slots=True)
class GgufParity:
    """Differences between llama.cpp and Hugging Face in float32, over all positions of some texts.

    Attributes:
        mean_kl, max_kl: Kullback-Leibler divergence of the next-token distributions, in nats.
        max_logit_error: largest absolute difference of a logit.
        n_positions: number of positions compared.
        same_tokens: share of texts that both tokenizers split into the same tokens.
    """

    mean_kl: float
    max_kl: float
    max_logit_error: float
    n_positions: int
    same_tokens: float


def compare_gguf(hf_folder: Path, gguf_file: Path, texts: Sequence[str]) -> GgufParity:
    """Return the differences of the file and the model in ``hf_folder`` on ``texts``; loads both in this process."""
    llama_cpp = _logits_of_llama_cpp(gguf_file, texts)
    transformers = _logits_of_transformers(hf_folder, [ids for ids, _ in llama_cpp], texts)
    same = [ids == other for (ids, _), (other, _) in zip(llama_cpp, transformers, strict=True)]
    actual = np.concatenate([logits for _, logits in llama_cpp])
    # A file may lack rows of the table that no token has, as Gemma's do.
    expected = np.concatenate([logits for _, logits in transformers])[:, : actual.shape[1]]
    divergence = _kl(expected, actual)
    return GgufParity(
        mean_kl=float(divergence.mean()),
        max_kl=float(divergence.max()),
        max_logit_error=float(np.abs(expected - actual).max()),
        n_positions=len(actual),
        same_tokens=sum(same) / len(same),
    )


Logits = list[tuple[list[int], NDArray[np.float64]]]


def _logits_of_llama_cpp(path: Path, texts: Sequence[str]) -> Logits:
    """Return the tokens and the logits ``[tokens, vocabulary]`` of each text."""
    from llama_cpp import llama_cpp as api

    silence_log()
    api.llama_backend_init()
    model = api.llama_model_load_from_file(str(path).encode(), api.llama_model_default_params())
    if not model:
        raise ValueError(f"llama.cpp cannot read {path}")
    try:
        return [_logits_of_text(api, model, text) for text in texts]
    finally:
        api.llama_model_free(model)


def _logits_of_text(api: Any, model: Any, text: str) -> tuple[list[int], NDArray[np.float64]]:  # noqa: ANN401 - ctypes
    vocabulary = api.llama_model_get_vocab(model)
    data = text.encode()
    tokens = (api.llama_token * (len(data) + 8))()
    n = api.llama_tokenize(vocabulary, data, len(data), tokens, len(tokens), True, False)
    options = api.llama_context_default_params()
    options.n_ctx = options.n_batch = options.n_ubatch = max(64, n)
    context = api.llama_init_from_model(model, options)
    batch = api.llama_batch_init(n, 0, 1)
    try:
        batch.n_tokens = n
        for position in range(n):
            batch.token[position], batch.pos[position] = tokens[position], position
            batch.n_seq_id[position], batch.seq_id[position][0], batch.logits[position] = 1, 0, True
        if api.llama_decode(context, batch):
            raise ValueError(f"llama.cpp could not decode {n} tokens")
        width = api.llama_vocab_n_tokens(vocabulary)
        flat = np.ctypeslib.as_array(api.llama_get_logits(context), shape=(n, width))
        return list(tokens[:n]), flat.astype(np.float64)
    finally:
        api.llama_batch_free(batch)
        api.llama_free(context)


def _logits_of_transformers(folder: Path, tokens: Sequence[list[int]], texts: Sequence[str]) -> Logits:
    """Return the tokenizer's tokens of each text, and the logits at the given ``tokens``."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # text that looks like control tokens is encoded as text
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    results: Logits = []
    with torch.inference_mode():
        for ids, text in zip(tokens, texts, strict=True):
            logits = model(torch.tensor([ids])).logits[0]
            results.append((tokenizer.encode(text).ids, logits.double().numpy()))
    return results


def _kl(expected: NDArray[np.float64], actual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the KL divergence at each position, ``[positions]``."""
    p, q = _log_softmax(expected), _log_softmax(actual)
    divergence: NDArray[np.float64] = (np.exp(p) * (p - q)).sum(axis=-1)
    return divergence


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_probability: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_probability
