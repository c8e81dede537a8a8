"""Sequences of all training users that lead to a given next item."""

import pytest
import torch

from tests.train.plugins.tiny_corec import sequences_of
from train.plugins.corec_same_target import SameTarget

HISTORIES = [[1, 2, 3, 9], [4, 9, 5, 9], [9, 6], [7], [8, 3]]
BEFORE_9 = {(1, 2, 3), (4,), (4, 9, 5)}


def drawn(same: SameTarget, target: int, length: int = 4, n: int = 200) -> set[tuple[int, ...]]:
    """Return the sequences of ``n`` draws for one target; fails if padding is not in front."""
    torch.manual_seed(0)
    own = torch.zeros(n, length, dtype=torch.int64), torch.zeros(n, length)
    rows, mask = same.draw(*own, torch.full((n,), target))
    assert (mask.diff(dim=1) >= 0).all()
    assert not rows[mask == 0].any()
    return {tuple(row[kept > 0].tolist()) for row, kept in zip(rows, mask, strict=True)}


def test_sequences_before_every_occurrence_of_the_target_are_drawn() -> None:
    same = SameTarget(sequences_of(HISTORIES), 12)

    assert drawn(same, 9) == BEFORE_9
    assert drawn(same, 6) == {(9,)}
    assert drawn(same, 3) == {(1, 2), (8,)}


def test_a_long_sequence_is_cut_to_its_newest_events() -> None:
    assert drawn(SameTarget(sequences_of(HISTORIES), 12), 9, length=2) == {(2, 3), (4,), (9, 5)}


@pytest.mark.parametrize("target", [7, 1, 11])
def test_without_a_sequence_before_the_target_the_users_own_is_returned(target: int) -> None:
    same = SameTarget(sequences_of(HISTORIES), 12)
    own = torch.tensor([[0, 5, 6]]), torch.tensor([[0.0, 1.0, 1.0]])

    rows, mask = same.draw(*own, torch.tensor([target]))

    assert torch.equal(rows, own[0])
    assert torch.equal(mask, own[1])


def test_training_sequences_of_one_event_give_no_draw() -> None:
    same = SameTarget(sequences_of([[1], [2]]), 3)
    own = torch.tensor([[0, 2]]), torch.tensor([[0.0, 1.0]])

    assert same.draw(*own, torch.tensor([1])) == own


def test_a_checkpoint_has_none_of_the_training_events() -> None:
    assert not SameTarget(sequences_of(HISTORIES), 12).state_dict()
