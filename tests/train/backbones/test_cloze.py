import torch
from torch import Tensor

from train.backbones.cloze import hide_at_random, hide_segments


def real(*lengths: int) -> Tensor:
    longest = max(lengths)
    return torch.tensor([[0.0] * (longest - length) + [1.0] * length for length in lengths])


def test_about_the_share_is_hidden_and_never_padding() -> None:
    torch.manual_seed(0)
    events = real(*[20] * 400, *[10] * 400)

    hidden = hide_at_random(events, 0.3)

    assert not (hidden & (events == 0)).any()
    # 3600 of 12000, with a standard deviation of 50.
    assert 3400 < int(hidden.sum()) < 3800


def test_a_sequence_of_one_event_hides_it() -> None:
    assert hide_at_random(real(1, 3), 1e-9)[0].tolist() == [False, False, True]


def test_a_hidden_segment_is_one_run_of_at_most_half_of_the_events() -> None:
    torch.manual_seed(0)

    for length in range(1, 8):
        for hidden in hide_segments(real(*[length] * 200, 9))[:-1]:
            places = hidden.nonzero()[:, 0].tolist()
            assert 1 <= len(places) <= max(1, length // 2)
            assert places == list(range(places[0], places[0] + len(places)))
            assert places[0] >= 9 - length


def test_every_segment_is_drawn_some_time() -> None:
    torch.manual_seed(0)

    drawn = {tuple(hidden.nonzero()[:, 0].tolist()) for hidden in hide_segments(real(*[4] * 500))}

    assert drawn == {(0,), (1,), (2,), (3,), (0, 1), (1, 2), (2, 3)}


def test_padding_alone_hides_no_segment() -> None:
    assert not hide_segments(torch.zeros(2, 3)).any()
