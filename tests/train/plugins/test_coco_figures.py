"""CoCo's figures say how the codebook is used, whom knowledge helps, and whether the past tells."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.train.plugins.shown import make_probe
from tests.train.plugins.tiny_coco import DIM, drawn, tiny_material
from train.plugins.coco import CoCoConfig, coco
from train.plugins.coco_figures import knowledge_figures
from train.plugins.plugin import Past, Probe

TABLE = drawn(24, DIM, seed=3)


def histories(n_users: int, seed: int = 0) -> list[NDArray[np.int32]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 24, 1 + user % 7).astype(np.int32) for user in range(n_users)]


def mean_state(rows: Tensor, mask: Tensor) -> Tensor:
    """A backbone: the mean of the events' vectors."""
    return (TABLE[rows] * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


def align(states: Tensor, past: Past) -> Tensor:
    """Knowledge of odd items turns a state to itself, that of even ones away; it is told of the newest event alone."""
    newest = past.rows[:, -1:]
    return states + TABLE[(newest + 1) % 24] * (newest % 2 * 2 - 1)[:, :, None]


def choose(states: Tensor) -> Tensor:
    fits = torch.zeros(len(states), 4, dtype=torch.bool)
    fits[:, 1] = True
    fits[::2, 3] = True
    return fits


def probe(rows: Sequence[NDArray[np.int32]]) -> Probe:
    targets = np.random.default_rng(9).integers(0, 24, len(rows)).astype(np.int32)
    return make_probe(TABLE, rows, targets, states=mean_state)


def gain(rows: NDArray[np.int32], wanted: int) -> float:
    """Cosine with knowledge less the one without, for one state."""
    before = TABLE[torch.from_numpy(rows.astype(np.int64))].mean(0)
    newest = int(rows[-1])
    after = before + TABLE[(newest + 1) % 24] * (1 if newest % 2 else -1)
    return float(torch.cosine_similarity(after, TABLE[wanted], 0) - torch.cosine_similarity(before, TABLE[wanted], 0))


def test_the_shares_are_those_of_users_taken_one_by_one() -> None:
    given = probe(histories(60))
    helps, agree, judged, by_past = [], [], 0, []
    for rows, target in zip(given.histories, given.targets, strict=True):
        helps.append(gain(rows, int(target)) > 0)
        ends = range(max(1, len(rows) - 4), len(rows))
        if len(ends) >= 2:
            judged += 1
            by_past.append(np.mean([gain(rows[:end], int(rows[end])) for end in ends]) > 0)
            agree.append(by_past[-1] == helps[-1])

    found = knowledge_figures(align, choose, given)

    assert found["helps"] == pytest.approx(np.mean(helps))
    assert found["judged"] == pytest.approx(judged / 60)
    assert found["helps_by_past"] == pytest.approx(np.mean(by_past))
    assert found["agreement"] == pytest.approx(np.mean(agree))
    assert 0 < found["helps"] < 1


def test_the_use_of_prompts_is_counted() -> None:
    found = knowledge_figures(align, choose, probe(histories(60)))

    shares = [60 / 90, 30 / 90]
    assert found["prompts_used"] == 0.5
    assert found["prompt_perplexity"] == pytest.approx(float(np.exp(-sum(p * np.log(p) for p in shares))))


def test_nobody_with_a_past_gives_no_figures_of_it() -> None:
    short = [np.array([row], dtype=np.int32) for row in range(5)]

    found = knowledge_figures(align, choose, probe(short))

    assert found["judged"] == 0.0
    assert "agreement" not in found
    assert knowledge_figures(align, choose, probe([])) == {}


def test_an_untrained_plugin_helps_nobody() -> None:
    plugin = coco(CoCoConfig(n_prompts=6), tiny_material())
    assert plugin.figures is not None

    with torch.inference_mode():
        found = plugin.figures(probe(histories(30)))

    assert found["helps"] == 0.0
    assert found["helps_by_past"] == 0.0
    assert found["agreement"] == 1.0
    assert 1.0 <= found["prompt_perplexity"] <= 6.0
    assert 0.0 < found["prompts_used"] <= 1.0
