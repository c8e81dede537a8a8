import numpy as np
import torch
from torch import Tensor

from tests.train.evaluation.hand_made import log, rows
from tests.train.evaluation.walker import Walker
from train.data.split import leave_one_out
from train.evaluation.feedback import feedback_metrics, nearest_shown
from train.metrics.lists import PADDING

# Forty items on half a circle, so that the neighbours of an item are on both sides.
ANGLES = np.linspace(0.0, np.pi, 40)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


class Neighbours(Walker):
    """Prefers items near the newest event."""

    def item_vectors(self) -> Tensor:
        return torch.from_numpy(CIRCLE)

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        return table[rows[:, -1]] @ table.T


def test_feedback_finds_a_target_that_ten_more_items_do_not() -> None:
    # From item 20 the first list is 15 to 25, the next ten reach 30; from the chosen item 25 they reach 35.
    targets = leave_one_out(log([[0, 1, 20, 33]])).test

    result = feedback_metrics(Neighbours(40), targets, CIRCLE)

    assert result == {"n_users": 1.0, "recall@10_without": 0.0, "recall@10_after": 1.0, "gain": 1.0}


def test_only_users_without_a_hit_in_the_first_list_give_feedback() -> None:
    targets = leave_one_out(log([[0, 1, 20, 21], [0, 1, 20, 28]])).test

    result = feedback_metrics(Neighbours(40), targets, CIRCLE)

    assert (result["n_users"], result["recall@10_without"]) == (1.0, 1.0)
    assert feedback_metrics(Neighbours(40), leave_one_out(log([[0, 1, 20, 21]])).test, CIRCLE) == {"n_users": 0.0}


def test_users_whose_target_has_no_text_are_left_out() -> None:
    targets = leave_one_out(log([[0, 1, 20, 33]])).test
    silent = np.where(np.arange(40)[:, None] == 33, 0.0, CIRCLE).astype(np.float32)

    assert feedback_metrics(Neighbours(40), targets, silent) == {"n_users": 0.0}


def test_the_nearest_item_of_a_list_is_chosen_and_never_padding() -> None:
    lists = np.array([[5, 30, 18], [39, PADDING, PADDING]], dtype=np.int32)

    assert nearest_shown(lists, rows(20, 39), CIRCLE).tolist() == [18, 39]
