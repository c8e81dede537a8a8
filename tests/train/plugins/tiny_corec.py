"""Small inputs and models for the tests of CoRec."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.sequences import Sequences
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.items.features import Features, PluginInputs
from train.loop.batches import Batch, TrainingSequences, training_batch
from train.plugins.corec import CoRec, CoRecConfig, corec

N_ITEMS = 24
DIM = 16
ENCODER = EncoderConfig(dim=DIM, max_length=8, n_blocks=1)


class Composed(NamedTuple):
    """A model with CoRec, the module of CoRec, and batches to train on."""

    model: Model
    corec: CoRec
    batches: list[Batch]


def nothing() -> Features:
    """Return features of no width: CoRec uses none."""
    return Features("none", np.zeros((N_ITEMS, 1, 0), np.float32), np.zeros((N_ITEMS, 1), np.bool_))


def tiny_inputs(seed: int = 0, *, n_items: int = N_ITEMS) -> PluginInputs:
    """Return the training events of the tiny dataset."""
    dataset = tiny_dataset(n_items=n_items)
    train = leave_one_out(dataset.sequences).train
    return PluginInputs(dataset.catalogue, train, DIM, seed, nothing, nothing, nothing)


def sequences_of(histories: Sequence[Sequence[int]]) -> Sequences:
    """Return these users' events."""
    offsets = np.cumsum([0, *(len(rows) for rows in histories)]).astype(np.int64)
    rows = np.array([row for history in histories for row in history], dtype=np.int32)
    users = tuple(f"user-{user}" for user in range(len(histories)))
    return Sequences(users, offsets, rows, np.arange(len(rows), dtype=np.int64))


def tiny_model(config: CoRecConfig | None = None, *, dropout: float = 0.1) -> Composed:
    """Return SASRec with CoRec, and the training users in batches of 16."""
    inputs = tiny_inputs()
    torch.manual_seed(0)
    plugin = corec(config or CoRecConfig(n_interests=6, kl_steps=4, refresh_every=1), inputs)
    model = Model(torch.from_numpy(inputs.counts() > 0), SASRec(ENCODER, dropout=dropout), [plugin])
    users = TrainingSequences(list(inputs.train), ENCODER.max_length)
    batches = [
        training_batch([users[user] for user in range(start, min(start + 16, len(users)))])
        for start in range(0, len(users), 16)
    ]
    module = plugin.module
    if not isinstance(module, CoRec):
        raise TypeError(f"expected CoRec, got {type(module)}")
    return Composed(model, module, batches)


def train_epochs(
    composed: Composed, epochs: Sequence[int], *, after: Callable[[dict[str, Tensor]], None] | None = None
) -> None:
    """Train by plain gradient descent, with each epoch seeded by its number, as the training loop does."""
    composed.model.train()
    for epoch in epochs:
        torch.manual_seed(epoch)
        composed.model.before_epoch(epoch)
        for batch in composed.batches:
            terms = composed.model(batch)
            composed.model.zero_grad()
            torch.autograd.backward(torch.stack(list(terms.values())).sum())
            with torch.no_grad():
                for parameter in composed.model.parameters():
                    if parameter.grad is not None:
                        parameter.sub_(parameter.grad, alpha=0.3)
            if after is not None:
                after(terms)
