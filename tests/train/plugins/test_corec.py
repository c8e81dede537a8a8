"""CoRec with a backbone: training, switches and resuming."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_corec import (
    ENCODER,
    N_ITEMS,
    sequences_of,
    tiny_inputs,
    tiny_model,
    train_epochs,
)
from tests.train.tiny_data import tiny_dataset
from train.data.split import leave_one_out
from train.evaluation.measure import plugin_metrics
from train.loop.batches import training_batch
from train.plugins.corec import CoRecConfig, corec

MEAN = "plugin_modules.corec.completion.mean.weight"
SMALL = CoRecConfig(n_interests=6, kl_steps=4, refresh_every=1)


def weights_after(config: CoRecConfig, epochs: int = 2) -> dict[str, Tensor]:
    composed = tiny_model(config)
    train_epochs(composed, range(epochs))
    return composed.model.state_dict()


def test_a_few_steps_lower_every_term() -> None:
    # Moving clusters and KL annealing would change the objective in between.
    composed = tiny_model(
        replace(SMALL, contrast_weight=0.5, reconstruction_weight=2.0, refresh_every=100, kl_weight=0.01)
    )
    terms: list[dict[str, float]] = []

    train_epochs(
        composed, range(8), after=lambda result: terms.append({n: float(t.detach()) for n, t in result.items()})
    )

    n = len(composed.batches)
    assert set(terms[0]) == {"next", "corec.contrast", "corec.reconstruction"}
    for name in terms[0]:
        assert np.mean([step[name] for step in terms[-n:]]) < np.mean([step[name] for step in terms[:n]]), name


@pytest.mark.parametrize(
    "change",
    [
        {"contrast": False},
        {"adaptive": False},
        {"contrast_weight": 0.5},
        {"temperature": 0.5},
        {"similarity": "dot"},
        {"views": "augmented"},
        {"same_target": False},
        {"strength": 0.8},
        {"false_negative_overlap": 0.1},
        {"n_interests": 2},
        {"refresh_every": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_of_the_contrast_changes_the_item_vectors(change: dict[str, Any]) -> None:
    config = replace(SMALL, views="augmented" if "strength" in change else "dropout")
    plain, changed = weights_after(config), weights_after(replace(config, **change))

    assert not torch.equal(plain["item"], changed["item"])


@pytest.mark.parametrize(
    "change",
    [{"reconstruction_weight": 0.5}, {"kl_weight": 2.0}, {"kl_steps": 1}],
    ids=lambda change: next(iter(change)),
)
def test_settings_of_the_reconstruction_change_the_autoencoder_and_not_the_item_vectors(change: dict[str, Any]) -> None:
    plain, changed = weights_after(SMALL), weights_after(replace(SMALL, **change))

    assert torch.equal(plain["item"], changed["item"])
    assert not torch.equal(plain[MEAN], changed[MEAN])


@pytest.mark.parametrize(
    ("switch", "gone"), [("contrast", "corec.contrast"), ("reconstruction", "corec.reconstruction")]
)
def test_a_disabled_part_has_no_term_and_no_weights(switch: str, gone: str) -> None:
    change: dict[str, Any] = {switch: False}
    composed = tiny_model(replace(SMALL, **change))

    terms = composed.model.train()(composed.batches[0])

    assert gone not in terms
    assert len(terms) == 2
    weights = [name for name in composed.model.state_dict() if "completion" in name]
    assert bool(weights) == (switch == "contrast")


def test_a_resumed_training_equals_an_uninterrupted_one() -> None:
    whole, first, second = tiny_model(), tiny_model(), tiny_model()
    train_epochs(whole, range(4))

    train_epochs(first, range(2))
    second.model.load_state_dict({name: tensor.clone() for name, tensor in first.model.state_dict().items()})
    train_epochs(second, range(2, 4))

    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(tensor, second.model.state_dict()[name], rtol=0, atol=0, msg=name)


def test_clusters_are_refreshed_every_few_epochs_and_not_in_the_first() -> None:
    module = tiny_model(replace(SMALL, refresh_every=2)).corec
    first = module.clusters.label.clone()
    table = torch.randn(N_ITEMS, ENCODER.dim, generator=torch.Generator().manual_seed(0))

    module.before_epoch(0, table)
    module.before_epoch(1, table)
    assert torch.equal(module.clusters.label, first)

    module.before_epoch(2, table)
    assert not torch.equal(module.clusters.label, first)


def test_the_result_depends_on_the_seed() -> None:
    one, two, other = (corec(SMALL, tiny_inputs(seed)).module for seed in (0, 0, 1))

    assert one is not None
    assert two is not None
    assert other is not None
    buffers = [dict(module.named_buffers()) for module in (one, two, other)]
    assert all(torch.equal(buffers[0][name], buffers[1][name]) for name in buffers[0])
    assert not torch.equal(buffers[0]["clusters.label"], buffers[2]["clusters.label"])


def test_sequences_of_maximum_length_are_encoded() -> None:
    composed = tiny_model()
    longest = np.arange(ENCODER.max_length + 1, dtype=np.int32)

    terms = composed.model.train()(training_batch([longest, longest[::-1].copy(), longest[:2]]))

    assert all(term.isfinite() for term in terms.values())


def test_a_batch_of_one_user_or_of_duplicates_works() -> None:
    composed = tiny_model()
    rows = np.array([1, 2], dtype=np.int32)

    for users in ([rows], [rows, rows]):
        composed.model.zero_grad()
        terms = composed.model.train()(training_batch(users))
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        for name, parameter in composed.model.named_parameters():
            assert parameter.grad is None or parameter.grad.isfinite().all(), name


def test_completion_of_unseen_events_rises_above_the_baseline() -> None:
    composed = tiny_model(replace(SMALL, n_interests=1, kl_weight=0.01, reconstruction_weight=2.0))
    split = leave_one_out(tiny_dataset(n_items=N_ITEMS).sequences)

    before = plugin_metrics(composed.model, split)["corec"]
    train_epochs(composed, range(10))
    after = plugin_metrics(composed.model, split)["corec"]

    assert after["completion_recall@10"] > max(before["completion_recall@10"], after["completion_baseline@10"]) + 0.1


@pytest.mark.parametrize(
    "change",
    [
        {"contrast": False, "reconstruction": False},
        {"contrast_weight": -0.1},
        {"reconstruction_weight": float("nan")},
        {"kl_weight": -1.0},
        {"temperature": 0.0},
        {"views": "none"},
        {"similarity": "angle"},
        {"strength": 1.0},
        {"strength": -0.1},
        {"false_negative_overlap": 0.0},
        {"n_interests": 0},
        {"refresh_every": 0},
        {"kl_steps": 0},
    ],
)
def test_invalid_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"contrast|weight|temperature|views|similarity|strength|overlap|at least 1"):
        CoRecConfig(**change)


def test_no_training_events_are_refused() -> None:
    with pytest.raises(ValueError, match="training events"):
        corec(SMALL, replace(tiny_inputs(), train=sequences_of([[]])))
