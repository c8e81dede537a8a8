"""Plug-in inputs, language models and training steps small enough to check by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.train.tiny_data import tiny_dataset
from train.data.sequences import Sequences
from train.data.split import leave_one_out
from train.items.features import Features, PluginInputs

DIM, WIDTH = 8, 12


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny_inputs(*, n_items: int = 24, dim: int = DIM, seed: int = 0, absent: Sequence[int] = ()) -> PluginInputs:
    """Return items with random text features; ``absent`` ones have none."""
    dataset = tiny_dataset(n_items=n_items)
    vectors = np.random.default_rng(7).normal(size=(n_items, 1, WIDTH)).astype(np.float32)
    present = np.ones((n_items, 1), dtype=np.bool_)
    vectors[list(absent)], present[list(absent)] = 0.0, False
    features = Features("made", vectors, present)
    train: Sequences = leave_one_out(dataset.sequences).train
    return PluginInputs(dataset.catalogue, train, dim, seed, lambda: features, lambda: features, lambda: features)


def make_bert(folder: Path, *, seed: int = 0) -> Path:
    """Write a word-level BERT with random weights, as a Hugging Face folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "Thing", "number", *map(str, range(24))]
    tokenizer = Tokenizer(models.WordLevel({word: position for position, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(words), intermediate_size=16, max_position_embeddings=64, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config, add_pooling_layer=False)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder, safe_serialization=True)
    fast.save_pretrained(folder)
    return folder
