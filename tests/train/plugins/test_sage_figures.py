"""What SAGE says of shown lists: distance, coverage and redundancy, counted by hand."""

from itertools import combinations

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_sage import N_ITEMS, tiny_inputs, tiny_model, tiny_probe
from train.items.features import text_space
from train.plugins.sage_figures import figures, list_redundancy

TEXT = text_space(tiny_inputs().text())


def test_the_figures_are_those_of_the_best_unseen_items() -> None:
    model = tiny_model()
    probe = tiny_probe(model, 6)

    found = figures(probe, TEXT, 4)

    distances, shown = [], set()
    for history in probe.histories:
        rows = torch.from_numpy(history[-8:].astype(np.int64))[None]
        scores = (probe.user_states(rows, torch.ones(rows.shape)) @ probe.table.T)[0].detach().clone()
        scores[history.astype(np.int64)] = -torch.inf
        best = scores.topk(4).indices.tolist()
        distances.append(np.mean([1 - TEXT[i] @ TEXT[j] for i, j in combinations(best, 2)]))
        shown |= set(best)
    assert found["div@4"] == pytest.approx(np.mean(distances), abs=1e-5)
    assert found["coverage@4"] == pytest.approx(len(shown) / N_ITEMS)


def test_copies_are_fully_redundant_and_groups_more_so_than_a_mixture() -> None:
    of_a_group, mixed, copies = np.array([[0, 4, 8, 12], [0, 1, 2, 3], [5, 5, 5, 5]], dtype=np.int32)

    found = list_redundancy(np.stack([of_a_group, mixed, copies]), TEXT)

    assert found[2] == pytest.approx(1.0, abs=1e-5)
    assert found[0] > 3 * found[1]


def test_lists_that_run_out_and_items_without_text_leave_figures_out() -> None:
    probe = tiny_probe(tiny_model(), 3)

    found = figures(probe, np.zeros_like(TEXT), N_ITEMS)

    assert set(found) == {f"coverage@{N_ITEMS}"}
