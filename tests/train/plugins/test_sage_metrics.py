"""Metrics of SAGE for lists: distance, coverage and redundancy, counted by hand."""

from itertools import combinations

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_sage import N_ITEMS, tiny_evaluation_data, tiny_inputs, tiny_model
from train.items.features import text_space
from train.plugins.sage_metrics import list_redundancy, sage_metrics

TEXT = text_space(tiny_inputs().text())


def test_metrics_are_those_of_the_best_unseen_items() -> None:
    model = tiny_model()
    data = tiny_evaluation_data(model, 6)

    result = sage_metrics(data, TEXT, 4)

    distances, shown = [], set()
    for history in data.histories:
        rows = torch.from_numpy(history[-8:].astype(np.int64))[None]
        scores = (data.user_states(rows, torch.ones(rows.shape)) @ data.table.T)[0].detach().clone()
        scores[history.astype(np.int64)] = -torch.inf
        best = scores.topk(4).indices.tolist()
        distances.append(np.mean([1 - TEXT[i] @ TEXT[j] for i, j in combinations(best, 2)]))
        shown |= set(best)
    assert result["div@4"] == pytest.approx(np.mean(distances), abs=1e-5)
    assert result["coverage@4"] == pytest.approx(len(shown) / N_ITEMS)


def test_copies_are_fully_redundant_and_groups_more_so_than_mixtures() -> None:
    of_a_group, mixed, copies = np.array([[0, 4, 8, 12], [0, 1, 2, 3], [5, 5, 5, 5]], dtype=np.int32)

    result = list_redundancy(np.stack([of_a_group, mixed, copies]), TEXT)

    assert result[2] == pytest.approx(1.0, abs=1e-5)
    assert result[0] > 3 * result[1]


def test_short_lists_and_items_without_text_are_left_out() -> None:
    data = tiny_evaluation_data(tiny_model(), 3)

    result = sage_metrics(data, np.zeros_like(TEXT), N_ITEMS)

    assert set(result) == {f"coverage@{N_ITEMS}"}
