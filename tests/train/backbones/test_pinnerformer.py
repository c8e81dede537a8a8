from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from tests.train.backbones.tiny_backbones import CONFIG, tiny_events, tiny_group, tiny_table
from train.backbones.pinnerformer import PinnerFormer, draw_within


def test_a_window_of_one_predicts_the_next_event() -> None:
    group = tiny_group()

    result = PinnerFormer(CONFIG, window=1).supervise(group, lambda rows: F.embedding(rows, tiny_table()))

    assert torch.equal(result.targets, group.targets)


def test_every_event_of_the_window_is_equally_likely() -> None:
    torch.manual_seed(0)
    targets = torch.tensor([[-1, 10, 11, 12, 13]])

    drawn = torch.cat([draw_within(targets, 3) for _ in range(3000)])

    assert Counter(drawn[:, 0].tolist()) == {-1: 3000}
    assert set(drawn[:, 1].tolist()) == {10, 11, 12}
    assert set(drawn[:, 3].tolist()) == {12, 13}
    assert set(drawn[:, 4].tolist()) == {13}
    # Expect 1000 each, with a standard deviation of 26.
    assert all(850 < n < 1150 for n in Counter(drawn[:, 1].tolist()).values())


def test_positions_draw_independently() -> None:
    torch.manual_seed(0)

    steps = draw_within(torch.arange(40)[None], 5)[0, :35] - torch.arange(35)

    assert set(steps.tolist()) == {0, 1, 2, 3, 4}


def test_a_window_longer_than_the_sequence_uses_the_remaining_events() -> None:
    torch.manual_seed(0)

    drawn = torch.cat([draw_within(torch.tensor([[3, 4]]), 100) for _ in range(50)])

    assert set(drawn[:, 0].tolist()) == {3, 4}
    assert set(drawn[:, 1].tolist()) == {4}


def test_the_draw_depends_on_the_global_seed() -> None:
    targets = torch.arange(60).view(3, 20)

    torch.manual_seed(7)
    first = draw_within(targets, 4)
    torch.manual_seed(7)

    assert torch.equal(draw_within(targets, 4), first)
    assert not torch.equal(draw_within(targets, 4), first)


def test_all_states_have_the_learned_length() -> None:
    backbone = PinnerFormer(CONFIG)
    with torch.no_grad():
        backbone.log_scale.copy_(torch.tensor(3.0).log())

    lengths = backbone(tiny_events()).norm(dim=-1)

    torch.testing.assert_close(lengths, torch.full_like(lengths, 3.0))


def test_a_window_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        PinnerFormer(CONFIG, window=0)
