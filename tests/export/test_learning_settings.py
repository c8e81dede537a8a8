"""The temperature with which devices learn."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.learning_settings import RANGE, temperature
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out

N_ITEMS, N_USERS = 7, 2000


class Sharpened(nn.Module):
    """Gives every user the logarithms of the true probabilities times a factor."""

    max_length = 5

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._scores = factor * torch.tensor(PROBABILITIES).clamp(min=1e-9).log()

    def item_vectors(self) -> Tensor:
        return torch.zeros(N_ITEMS, 1)

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        return self._scores.float().expand(len(rows), -1).clone()


PROBABILITIES = [0.4, 0.25, 0.15, 0.1, 0.06, 0.04, 0.0]
SEEN = 6


def drawn_targets() -> Targets:
    """Return validation events drawn from the probabilities; the event before is on an item that never is a target."""
    random = np.random.default_rng(3)
    drawn = random.choice(N_ITEMS, size=N_USERS, p=PROBABILITIES)
    rows = np.stack([np.full(N_USERS, SEEN), drawn, np.zeros(N_USERS, dtype=np.int64)], axis=1)
    offsets = np.arange(0, 3 * N_USERS + 1, 3)
    times = np.tile(np.arange(3), N_USERS)
    ids = tuple(str(user) for user in range(N_USERS))
    return leave_one_out(Sequences(ids, offsets, rows.reshape(-1).astype(np.int32), times)).valid


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_the_temperature_makes_scores_into_calibrated_logits(factor: float) -> None:
    assert temperature(Sharpened(factor), drawn_targets()) == pytest.approx(factor, rel=0.15)


def test_scores_without_any_information_get_a_temperature_in_the_range() -> None:
    assert RANGE[0] <= temperature(Sharpened(0.0), drawn_targets()) <= RANGE[1]
