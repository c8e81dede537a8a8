"""Augmented views of sequences."""

import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_corec import ENCODER
from train.backbones.encoder import Events
from train.backbones.sasrec import SASRec
from train.plugins.corec_views import (
    augment,
    close_gaps,
    crop,
    drop,
    encode_by_length,
    n_changed,
    reorder,
    substitute,
)

LENGTHS = (10, 7, 2, 1, 0)
STRENGTH = 0.4


def some_sequences() -> tuple[Tensor, Tensor]:
    """Rows 1, 2, 3, ... for each user, so that a row identifies an event; padding is row 0."""
    mask = torch.tensor([[0.0] * (10 - n) + [1.0] * n for n in LENGTHS])
    return (mask.cumsum(dim=1) * mask).long(), mask


def similar_items() -> Tensor:
    """Item ``i`` may be replaced by ``100 + i`` or ``200 + i``."""
    rows = torch.arange(20)
    return torch.stack([100 + rows, 200 + rows], dim=1).to(torch.int32)


def events(rows: Tensor, mask: Tensor) -> list[list[int]]:
    """Return each user's events; fails if padding is not in front."""
    assert (mask.diff(dim=1) >= 0).all()
    return [[int(row) for row, kept in zip(*user, strict=True) if kept] for user in zip(rows, mask, strict=True)]


@pytest.fixture(params=range(5))
def _drawn(request: pytest.FixtureRequest) -> None:
    torch.manual_seed(request.param)


@pytest.mark.usefixtures("_drawn")
def test_a_crop_is_a_contiguous_part_of_the_sequence() -> None:
    views = events(*crop(*some_sequences(), STRENGTH))

    for view, length, expected in zip(views, LENGTHS, (6, 5, 2, 1, 0), strict=True):
        assert len(view) == expected
        assert view == list(range(view[0], view[0] + expected)) if view else length == 0


@pytest.mark.usefixtures("_drawn")
def test_a_mask_removes_events_and_keeps_the_order() -> None:
    views = events(*drop(*some_sequences(), STRENGTH))

    assert [len(view) for view in views] == [6, 5, 2, 1, 0]
    assert all(view == sorted(set(view)) for view in views)


@pytest.mark.usefixtures("_drawn")
def test_a_reordering_keeps_all_events_and_moves_those_of_one_run() -> None:
    views = events(*reorder(*some_sequences(), STRENGTH))

    for view, length, changed in zip(views, LENGTHS, (4, 2, 0, 0, 0), strict=True):
        assert sorted(view) == list(range(1, length + 1))
        moved = [position for position, row in enumerate(view) if row != position + 1]
        assert not moved or moved[-1] - moved[0] < changed


@pytest.mark.usefixtures("_drawn")
def test_a_substitution_replaces_at_least_one_event_by_similar_items() -> None:
    views = events(*substitute(*some_sequences(), similar_items(), STRENGTH))

    for view, length, expected in zip(views, LENGTHS, (4, 2, 1, 1, 0), strict=True):
        assert [row % 100 for row in view] == list(range(1, length + 1))
        assert sum(row >= 100 for row in view) == expected


def test_every_position_can_be_cropped_and_every_event_removed() -> None:
    torch.manual_seed(0)
    rows, mask = (tensor[:1].repeat(300, 1) for tensor in some_sequences())

    starts = {view[0] for view in events(*crop(rows, mask, STRENGTH))}
    left_out = {row for view in events(*drop(rows, mask, STRENGTH)) for row in set(range(1, 11)) - set(view)}

    assert starts == {1, 2, 3, 4, 5}
    assert left_out == set(range(1, 11))


def test_each_view_uses_one_random_operation() -> None:
    torch.manual_seed(0)
    rows, mask = (tensor[:1].repeat(200, 1) for tensor in some_sequences())

    views = events(*augment(rows, mask, similar_items(), STRENGTH))

    kinds = [
        "substituted" if any(row >= 100 for row in view) else "shortened" if len(view) == 7 else "whole"
        for view in views
    ]
    # Crop and mask shorten, reorder keeps the length.
    assert {kind: round(kinds.count(kind) / 200, 1) for kind in set(kinds)} == {
        "substituted": pytest.approx(0.25, abs=0.1),
        "shortened": pytest.approx(0.5, abs=0.1),
        "whole": pytest.approx(0.25, abs=0.1),
    }


def test_sequences_too_short_to_crop_are_substituted() -> None:
    torch.manual_seed(0)
    rows, mask = (tensor[2:4].repeat(20, 1) for tensor in some_sequences())

    views = events(*augment(rows, mask, similar_items(), STRENGTH))

    assert all(sum(row >= 100 for row in view) == len(view) - 1 for view in views)
    assert {len(view) for view in views} == {1, 2}


@pytest.mark.usefixtures("_drawn")
def test_a_view_ends_with_the_unchanged_newest_event() -> None:
    for strength in (STRENGTH, 0.9):
        views = events(*augment(*some_sequences(), similar_items(), strength))

        assert [view[-1:] for view in views] == [[length] for length in LENGTHS if length] + [[]]


def test_the_arguments_are_not_modified() -> None:
    rows, mask = some_sequences()
    before = rows.clone(), mask.clone()

    for _ in range(4):
        augment(rows, mask, similar_items(), 0.9)

    assert torch.equal(rows, before[0])
    assert torch.equal(mask, before[1])


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.999])
def test_every_user_keeps_an_event(strength: float) -> None:
    rows, mask = some_sequences()

    for _ in range(10):
        _, kept = augment(rows, mask, similar_items(), strength)
        assert kept.sum(dim=1)[:4].min() >= 1
    assert (n_changed(mask, strength) < torch.tensor(LENGTHS).clamp(min=1)).all()


def test_gaps_are_closed_towards_the_end() -> None:
    rows, mask = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]])

    closed, kept = close_gaps(rows, mask)

    assert events(closed, kept) == [[5, 7]]
    assert closed[0, 2:].tolist() == [5, 7]


def test_encoding_by_length_matches_encoding_in_one_batch() -> None:
    torch.manual_seed(0)
    backbone, table = SASRec(ENCODER).eval(), torch.randn(60, ENCODER.dim)
    lengths = torch.tensor([8, 1, 7, 3, 0, 8])
    mask = (torch.arange(8) >= 8 - lengths[:, None]).float()
    rows = torch.randint(60, mask.shape)
    widths = []

    def encode(rows: Tensor, mask: Tensor) -> Tensor:
        widths.append(rows.shape[1])
        return backbone.last(Events(table[rows], mask, rows))

    states = encode_by_length(encode, rows, mask)

    # The state of an empty sequence is arbitrary.
    some = mask.sum(dim=1) > 0
    torch.testing.assert_close(states[some], encode(rows, mask)[some])
    assert widths == [3, 8, 8]
