"""CoCo's figures say how the codebook is used, whom knowledge helps, and whether the past tells."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_runtime.learning.utility import knowledge_helps
from tests.train.plugins.shown import make_probe, unasked
from tests.train.plugins.tiny_coco import DIM, drawn, tiny_inputs
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
    return replace(make_probe(TABLE, rows, targets, states=mean_state), plain_states=unasked, user_states=unasked)


def both(rows: NDArray[np.int32]) -> tuple[Tensor, Tensor]:
    """One state without knowledge, and with it."""
    before = TABLE[torch.from_numpy(rows.astype(np.int64))].mean(0)
    newest = int(rows[-1])
    return before, before + TABLE[(newest + 1) % 24] * (1 if newest % 2 else -1)


def gain(rows: NDArray[np.int32], wanted: int) -> float:
    """Cosine with knowledge less the one without, for one state."""
    before, after = both(rows)
    return float(torch.cosine_similarity(after, TABLE[wanted], 0) - torch.cosine_similarity(before, TABLE[wanted], 0))


def gain_of_rank(state: Tensor, rows: NDArray[np.int32], wanted: int) -> float:
    """What one user adds to NDCG@10: the history is no candidate, and ties are against us."""
    scores = (TABLE @ state).tolist()
    better = [row for row in range(24) if row not in rows and row != wanted and scores[row] >= scores[wanted]]
    return 1 / math.log2(len(better) + 2) if len(better) < 10 and wanted not in rows else 0.0


def helps_by_past(rows: NDArray[np.int32]) -> bool:
    """The device's own rule."""
    ends = range(max(1, len(rows) - 4), len(rows))
    pairs = [both(rows[:end]) for end in ends]
    sides = [np.array([pair[side].numpy() for pair in pairs], dtype=np.float32).reshape(-1, DIM) for side in (0, 1)]
    return knowledge_helps(sides[0], sides[1], TABLE.numpy()[[int(rows[end]) for end in ends]])


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


def test_rankings_are_those_of_users_taken_one_by_one() -> None:
    given = probe(histories(60))
    gains: dict[str, list[float]] = {"without": [], "with": [], "decided": []}
    for rows, target in zip(given.histories, given.targets.tolist(), strict=True):
        before, after = (gain_of_rank(state, rows, target) for state in both(rows))
        # With a past of one event at most nothing is known, and knowledge is used.
        uses = helps_by_past(rows) or len(rows) < 3
        for name, value in (("without", before), ("with", after), ("decided", after if uses else before)):
            gains[name].append(value)

    found = knowledge_figures(align, choose, given)

    assert {name: found[f"ndcg@10_{name}"] for name in gains} == pytest.approx(
        {name: float(np.mean(values)) for name, values in gains.items()}
    )
    assert len({found[f"ndcg@10_{name}"] for name in gains}) == 3


def test_agreement_by_chance_is_that_of_verdicts_that_know_nothing_of_each_other() -> None:
    given = probe(histories(60))
    judged = [
        (helps_by_past(rows), gain(rows, int(target)) > 0)
        for rows, target in zip(given.histories, given.targets, strict=True)
        if len(rows) >= 3
    ]

    found = knowledge_figures(align, choose, given)

    pairs = [past == truth for past, _ in judged for _, truth in judged]
    assert found["agreement_by_chance"] == pytest.approx(np.mean(pairs))
    assert found["agreement_by_chance"] != pytest.approx(found["agreement"])


def test_the_use_of_prompts_is_counted() -> None:
    found = knowledge_figures(align, choose, probe(histories(60)))

    shares = [60 / 90, 30 / 90]
    assert found["prompts_used"] == 0.5
    assert found["prompts_per_user"] == 1.5
    assert found["prompt_perplexity"] == pytest.approx(float(np.exp(-sum(p * np.log(p) for p in shares))))


def test_nobody_with_a_past_gives_no_figures_of_it() -> None:
    short = [np.array([row], dtype=np.int32) for row in range(5)]

    found = knowledge_figures(align, choose, probe(short))

    assert found["judged"] == 0.0
    assert not {"agreement", "agreement_by_chance", "helps_by_past"} & set(found)
    assert found["ndcg@10_decided"] == found["ndcg@10_with"]
    assert knowledge_figures(align, choose, probe([])) == {}


def test_an_untrained_plugin_helps_nobody() -> None:
    plugin = coco(CoCoConfig(n_prompts=6), tiny_inputs())
    assert plugin.figures is not None

    with torch.inference_mode():
        found = plugin.figures(probe(histories(30)))

    assert found["ndcg@10_with"] == found["ndcg@10_without"] == found["ndcg@10_decided"]
    assert found["helps"] == 0.0
    assert found["helps_by_past"] == 0.0
    assert found["agreement"] == found["agreement_by_chance"] == 1.0
    assert 1.0 <= found["prompt_perplexity"] <= 6.0
    assert 0.0 < found["prompts_used"] <= 1.0
