"""Metrics of CoCo, checked user by user."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_runtime.learning.utility import knowledge_helps
from tests.train.plugins.tiny_coco import DIM, drawn, tiny_inputs
from tests.train.plugins.tiny_steps import make_data, not_called
from train.objectives.contrast import directions
from train.plugins.coco import CoCoConfig, coco
from train.plugins.coco_metrics import knowledge_metrics
from train.plugins.plugin import EvaluationData, VisibleHistory

TABLE = drawn(24, DIM, seed=3)


def histories(n_users: int, seed: int = 0) -> list[NDArray[np.int32]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 24, 1 + user % 7).astype(np.int32) for user in range(n_users)]


def mean_state(rows: Tensor, mask: Tensor) -> Tensor:
    """A backbone whose state is the mean of the events' vectors."""
    return (TABLE[rows] * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


def align(states: Tensor, history: VisibleHistory) -> Tensor:
    """Move a state towards itself for odd items and away for even ones, by the newest event alone."""
    newest = history.rows[:, -1:]
    return states + TABLE[(newest + 1) % 24] * (newest % 2 * 2 - 1)[:, :, None]


def choose(states: Tensor) -> Tensor:
    fits = torch.zeros(len(states), 4, dtype=torch.bool)
    fits[:, 1] = True
    fits[::2, 3] = True
    return fits


def cosines(vectors: Tensor, centre: Tensor | None = None) -> Tensor:
    """Return cosines with eight prompts, the unit vectors; states are centred at 0.5."""
    return directions(vectors - (0.5 if centre is None else centre))


def data(rows: Sequence[NDArray[np.int32]]) -> EvaluationData:
    targets = np.random.default_rng(9).integers(0, 24, len(rows)).astype(np.int32)
    return replace(
        make_data(TABLE, rows, targets, states=mean_state), backbone_states=not_called, user_states=not_called
    )


def both(rows: NDArray[np.int32]) -> tuple[Tensor, Tensor]:
    """Return one state without and with knowledge."""
    before = TABLE[torch.from_numpy(rows.astype(np.int64))].mean(0)
    newest = int(rows[-1])
    return before, before + TABLE[(newest + 1) % 24] * (1 if newest % 2 else -1)


def gain(rows: NDArray[np.int32], target: int) -> float:
    """Return the cosine to the target with knowledge minus the one without."""
    before, after = both(rows)
    return float(torch.cosine_similarity(after, TABLE[target], 0) - torch.cosine_similarity(before, TABLE[target], 0))


def margin_rises(rows: NDArray[np.int32], target: int) -> bool:
    """Return whether knowledge raises the target's score above that of the best other item."""
    margins: list[float] = []
    for state in both(rows):
        scores = (TABLE @ state).tolist()
        margins.append(scores[target] - max(score for row, score in enumerate(scores) if row != target))
    return margins[1] > margins[0]


def gain_of_rank(state: Tensor, rows: NDArray[np.int32], target: int) -> float:
    """Return the NDCG@10 of one user; the history is excluded, and ties count against the target."""
    scores = (TABLE @ state).tolist()
    better = [row for row in range(24) if row not in rows and row != target and scores[row] >= scores[target]]
    return 1 / math.log2(len(better) + 2) if len(better) < 10 and target not in rows else 0.0


def helps_by_past(rows: NDArray[np.int32]) -> bool:
    """Apply the rule of the device."""
    ends = range(max(1, len(rows) - 4), len(rows))
    pairs = [both(rows[:end]) for end in ends]
    sides = [np.array([pair[side].numpy() for pair in pairs], dtype=np.float32).reshape(-1, DIM) for side in (0, 1)]
    return knowledge_helps(sides[0], sides[1], TABLE.numpy()[[int(rows[end]) for end in ends]])


def test_shares_match_those_computed_user_by_user() -> None:
    given = data(histories(60))
    helps, agree, judged, by_past = [], [], 0, []
    for rows, target in zip(given.histories, given.targets, strict=True):
        helps.append(margin_rises(rows, int(target)))
        ends = range(max(1, len(rows) - 4), len(rows))
        if len(ends) >= 2:
            judged += 1
            by_past.append(np.mean([gain(rows[:end], int(rows[end])) for end in ends]) > 0)
            agree.append(by_past[-1] == helps[-1])

    result = knowledge_metrics(align, choose, cosines, given)

    assert result["helps"] == pytest.approx(np.mean(helps))
    assert result["judged"] == pytest.approx(judged / 60)
    assert result["helps_by_past"] == pytest.approx(np.mean(by_past))
    assert result["agreement"] == pytest.approx(np.mean(agree))
    assert 0 < result["helps"] < 1


def test_rankings_match_those_computed_user_by_user() -> None:
    given = data(histories(60))
    gains: dict[str, list[float]] = {"without": [], "with": [], "decided": []}
    for rows, target in zip(given.histories, given.targets.tolist(), strict=True):
        before, after = (gain_of_rank(state, rows, target) for state in both(rows))
        # With at most one event the device cannot judge, and uses knowledge.
        uses = helps_by_past(rows) or len(rows) < 3
        for name, value in (("without", before), ("with", after), ("decided", after if uses else before)):
            gains[name].append(value)

    result = knowledge_metrics(align, choose, cosines, given)

    assert {name: result[f"ndcg@10_{name}"] for name in gains} == pytest.approx(
        {name: float(np.mean(values)) for name, values in gains.items()}
    )
    assert len({result[f"ndcg@10_{name}"] for name in gains}) == 3


def test_agreement_by_chance_is_that_of_independent_judgements() -> None:
    given = data(histories(60))
    judged = [
        (helps_by_past(rows), margin_rises(rows, int(target)))
        for rows, target in zip(given.histories, given.targets, strict=True)
        if len(rows) >= 3
    ]

    result = knowledge_metrics(align, choose, cosines, given)

    pairs = [history == truth for history, _ in judged for _, truth in judged]
    assert result["agreement_by_chance"] == pytest.approx(np.mean(pairs))
    assert result["agreement_by_chance"] != pytest.approx(result["agreement"])


def test_use_of_prompts_is_counted() -> None:
    result = knowledge_metrics(align, choose, cosines, data(histories(60)))

    shares = [60 / 90, 30 / 90]
    assert result["prompts_used"] == 0.5
    assert result["prompts_per_user"] == 1.5
    assert result["prompt_perplexity"] == pytest.approx(float(np.exp(-sum(p * np.log(p) for p in shares))))


def test_prompts_match_if_that_of_the_next_item_is_among_a_users_five_nearest() -> None:
    given = data(histories(60))
    mean_item, matches, targets, nearest = TABLE.mean(0), [], [], []
    for rows, target in zip(given.histories, given.targets.tolist(), strict=True):
        feature = (both(rows)[0] - 0.5).tolist()
        nearest.append(sorted(range(DIM), key=lambda k: -feature[k])[:5])
        targets.append(int((TABLE[target] - mean_item).argmax()))
        matches.append(targets[-1] in nearest[-1])

    result = knowledge_metrics(align, choose, cosines, given)

    assert result["amr@5"] == pytest.approx(np.mean(matches))
    by_chance = np.mean([target in of_user for of_user in nearest for target in targets])
    assert result["amr@5_by_chance"] == pytest.approx(by_chance)


def test_users_without_history_give_no_agreement() -> None:
    short = [np.array([row], dtype=np.int32) for row in range(5)]

    result = knowledge_metrics(align, choose, cosines, data(short))

    assert result["judged"] == 0.0
    assert not {"agreement", "agreement_by_chance", "helps_by_past"} & set(result)
    assert result["ndcg@10_decided"] == result["ndcg@10_with"]
    assert knowledge_metrics(align, choose, cosines, data([])) == {}


def test_an_untrained_plugin_helps_no_user() -> None:
    plugin = coco(CoCoConfig(n_prompts=6), tiny_inputs())
    assert plugin.metrics is not None

    with torch.inference_mode():
        result = plugin.metrics(data(histories(30)))

    assert result["ndcg@10_with"] == result["ndcg@10_without"] == result["ndcg@10_decided"]
    assert result["helps"] == 0.0
    assert result["helps_by_past"] == 0.0
    assert result["agreement"] == result["agreement_by_chance"] == 1.0
    assert 1.0 <= result["prompt_perplexity"] <= 6.0
    assert 0.0 < result["prompts_used"] <= 1.0
