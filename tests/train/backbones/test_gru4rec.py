from dataclasses import replace

import pytest
import torch

from tests.train.backbones.tiny_backbones import CONFIG, events_of, tiny_events, tiny_table
from train.backbones.gru4rec import GRU4Rec


def gru4rec(n_blocks: int = 2, width: int | None = None) -> GRU4Rec:
    torch.manual_seed(0)
    return GRU4Rec(replace(CONFIG, n_blocks=n_blocks), width=width).eval()


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_states_equal_a_recurrence_from_the_first_event(n_blocks: int) -> None:
    backbone, events = gru4rec(n_blocks), tiny_events((5, 2, 1))

    states = backbone(events)

    for user, length in enumerate((5, 2, 1)):
        real = events.embeddings[user, -length:] * CONFIG.input_scale
        recurrent, _ = backbone.gru(real[None])
        torch.testing.assert_close(states[user, -length:], backbone.output(recurrent)[0])


def test_a_gap_in_a_sequence_is_skipped() -> None:
    backbone, events = gru4rec(), tiny_events((4,))
    mask = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    kept = events.rows[:, [0, 2, 3]]

    with_gap = backbone(events_of(events.rows, mask, tiny_table()))
    without = backbone(events_of(kept, torch.ones(1, 3), tiny_table()))

    torch.testing.assert_close(with_gap[:, [0, 2, 3]], without)


def test_the_recurrent_width_is_independent_of_the_width_of_items() -> None:
    assert gru4rec(width=5).last(tiny_events()).shape == (3, CONFIG.dim)
    assert gru4rec(width=5).gru.hidden_size == 5
    assert gru4rec().gru.hidden_size == 2 * CONFIG.dim


def test_one_layer_with_dropout_does_not_warn() -> None:
    backbone = GRU4Rec(replace(CONFIG, n_blocks=1), dropout=0.5)

    assert not torch.equal(backbone.last(tiny_events()), backbone.last(tiny_events()))
