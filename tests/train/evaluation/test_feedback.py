import numpy as np
import torch
from torch import Tensor

from tests.train.evaluation.hand_made import log, rows
from tests.train.evaluation.walker import Walker
from train.data.split import leave_one_out
from train.evaluation.feedback import feedback_metrics, nearest_shown
from train.metrics.lists import NOTHING

# Forty items around half a circle: item 20 in the middle, its neighbours at either hand.
ANGLES = np.linspace(0.0, np.pi, 40)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


class Neighbours(Walker):
    """Prefers what is near the newest event."""

    def item_vectors(self) -> Tensor:
        return torch.from_numpy(CIRCLE)

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        return table[rows[:, -1]]


def test_saying_what_comes_nearest_finds_what_ten_more_of_the_same_do_not() -> None:
    # From item 20 the first list is 15 to 25, the next ten reach 30; from 25, the named one, they reach 35.
    targets = leave_one_out(log([[0, 1, 20, 33]])).test

    found = feedback_metrics(Neighbours(40), targets, CIRCLE)

    assert found == {"n_users": 1.0, "recall@10_without": 0.0, "recall@10_after": 1.0, "gain": 1.0}


def test_only_those_are_asked_whose_first_list_lacks_the_target() -> None:
    targets = leave_one_out(log([[0, 1, 20, 21], [0, 1, 20, 28]])).test

    found = feedback_metrics(Neighbours(40), targets, CIRCLE)

    assert (found["n_users"], found["recall@10_without"]) == (1.0, 1.0)
    assert feedback_metrics(Neighbours(40), leave_one_out(log([[0, 1, 20, 21]])).test, CIRCLE) == {"n_users": 0.0}


def test_nobody_asks_for_an_item_without_a_text() -> None:
    targets = leave_one_out(log([[0, 1, 20, 33]])).test
    silent = np.where(np.arange(40)[:, None] == 33, 0.0, CIRCLE).astype(np.float32)

    assert feedback_metrics(Neighbours(40), targets, silent) == {"n_users": 0.0}


def test_the_nearest_of_a_list_is_named_and_an_empty_place_never() -> None:
    lists = np.array([[5, 30, 18], [39, NOTHING, NOTHING]], dtype=np.int32)

    assert nearest_shown(lists, rows(20, 39), CIRCLE).tolist() == [18, 39]
