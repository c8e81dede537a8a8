"""Inputs and training steps small enough to check by hand, with texts in groups, so that lists can be redundant."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tests.train.plugins.tiny_steps import make_data
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.items.features import Features, PluginInputs
from train.loop.batches import Batch, TrainingSequences, training_batch
from train.plugins.plugin import EvaluationData, Plugin

DIM, WIDTH, N_ITEMS, N_GROUPS, MAX_LENGTH = 8, 12, 24, 4, 8


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny_features(n: int = N_ITEMS, *, seed: int = 7, extractor: str = "made") -> Features:
    """Return two tokens for each item; items whose row is the same modulo ``N_GROUPS`` have similar texts."""
    random = np.random.default_rng(seed)
    groups = random.normal(size=(N_GROUPS, 1, WIDTH))
    vectors = groups[np.arange(n) % N_GROUPS] + 0.3 * random.normal(size=(n, 2, WIDTH))
    return Features(extractor, vectors.astype(np.float32), np.ones((n, 2), dtype=np.bool_))


def tiny_inputs(*, absent: Sequence[int] = (), seed: int = 0) -> PluginInputs:
    """Return the inputs of a tiny catalogue; ``absent`` items have no text."""
    dataset = tiny_dataset(n_items=N_ITEMS)
    module = tiny_features()
    vectors, present = module.vectors.copy(), module.present.copy()
    vectors[list(absent)], present[list(absent)] = 0.0, False
    features = Features(module.extractor, vectors, present)
    train = leave_one_out(dataset.sequences).train
    return PluginInputs(dataset.catalogue, train, DIM, seed, lambda: features, no_features, no_features)


def no_features() -> Features:
    raise AssertionError("SAGE looks at texts alone")


def tiny_model(*plugins: Plugin, seen: Tensor | None = None, seed: int = 0) -> Model:
    torch.manual_seed(seed)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=MAX_LENGTH, n_blocks=1), dropout=0.0)
    return Model(torch.ones(N_ITEMS, dtype=torch.bool) if seen is None else seen, backbone, plugins)


def tiny_batch(n_users: int) -> Batch:
    """Return the first users' training sequences."""
    sequences = TrainingSequences(list(tiny_inputs().train), MAX_LENGTH)
    return training_batch([sequences[user] for user in range(n_users)])


def tiny_evaluation_data(model: Model, n_users: int = 20) -> EvaluationData:
    """Return the evaluation data of the first test users."""
    test = leave_one_out(tiny_dataset(n_items=N_ITEMS).sequences).test
    table = model.eval().item_vectors()

    def user_states(rows: Tensor, mask: Tensor) -> Tensor:
        return model.user_states(rows[:, -MAX_LENGTH:], mask[:, -MAX_LENGTH:], table)

    histories = [test.history(user) for user in range(n_users)]
    return make_data(table, histories, test.rows[:n_users], states=user_states)
