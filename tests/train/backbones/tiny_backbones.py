"""Small instances of all backbones, over a catalogue with brands, categories and texts."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.tiny_data import tiny_dataset
from train.backbones.bert4rec import BERT4Rec
from train.backbones.encoder import Backbone, EncoderConfig, Events
from train.backbones.fdsa import fdsa
from train.backbones.gru4rec import GRU4Rec
from train.backbones.pinnerformer import PinnerFormer
from train.backbones.s3rec import s3rec
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.items.features import Features, PluginInputs
from train.loop.batches import Group, training_batch

CONFIG = EncoderConfig(dim=16, max_length=8)
N_ITEMS = 24

Make = Callable[[float], Backbone]


def tiny_inputs(text_width: int = 6) -> PluginInputs:
    """Return the tiny dataset with fields and texts; half of the items have no brand, every fourth has no text."""
    dataset = tiny_dataset(n_items=N_ITEMS)
    fields = {
        "brand": tuple((f"brand-{row // 4}",) if row % 2 else () for row in range(N_ITEMS)),
        "categories": tuple((f"kind-{row % 3}", f"shade-{row % 5}") for row in range(N_ITEMS)),
    }
    random = np.random.default_rng(0)
    present = np.arange(N_ITEMS)[:, None] % 4 > 0
    vectors = random.standard_normal((N_ITEMS, 1, text_width)).astype(np.float32) * present[:, :, None]
    return PluginInputs(
        catalogue=replace(dataset.catalogue, fields=fields),
        train=leave_one_out(dataset.sequences).train,
        dim=CONFIG.dim,
        seed=0,
        text=lambda: Features("made", vectors, present),
        image=lambda: Features("none", vectors[:, :0], present[:, :0]),
        video=lambda: Features("none", vectors[:, :0], present[:, :0]),
    )


CAUSAL: Mapping[str, Make] = {
    "sasrec": lambda dropout: SASRec(CONFIG, dropout=dropout),
    "gru4rec": lambda dropout: GRU4Rec(CONFIG, dropout=dropout),
    "fdsa": lambda dropout: fdsa(CONFIG, tiny_inputs(), dropout),
    "s3rec": lambda dropout: s3rec(CONFIG, tiny_inputs(), dropout),
    "pinnerformer": lambda dropout: PinnerFormer(CONFIG, dropout=dropout),
}
ALL: Mapping[str, Make] = {
    **CAUSAL,
    "bert4rec": lambda dropout: BERT4Rec(CONFIG, dropout=dropout, hidden_share=0.4, last_share=0.5),
}


def tiny_table(seed: int = 0) -> Tensor:
    """Return item vectors ``[N_ITEMS, dim]`` with large differences."""
    return torch.randn(N_ITEMS, CONFIG.dim, generator=torch.Generator().manual_seed(seed)) * 0.3


def events_of(rows: Tensor, mask: Tensor, table: Tensor) -> Events:
    """Return events with their item vectors."""
    return Events(F.embedding(rows, table), mask, rows)


def tiny_events(lengths: tuple[int, ...] = (5, 2, 1), seed: int = 0) -> Events:
    """Return sequences of the given lengths, padded in front."""
    longest = max(lengths)
    mask = torch.tensor([[0.0] * (longest - length) + [1.0] * length for length in lengths])
    rows = torch.randint(1, N_ITEMS, mask.shape, generator=torch.Generator().manual_seed(seed)) * mask.long()
    return events_of(rows, mask, tiny_table())


def tiny_group() -> Group:
    """Return one group of three users, with 5, 3 and 1 events and one target each."""
    histories = [np.arange(3, 9), np.array([2, 9, 4, 1]), np.array([7, 5])]
    (group,) = training_batch([rows.astype(np.int32) for rows in histories])
    return group
