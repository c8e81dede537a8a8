import torch
from torch import Tensor

from train.backbones.cloze import mask_randomly, mask_segments


def real(*lengths: int) -> Tensor:
    longest = max(lengths)
    return torch.tensor([[0.0] * (longest - length) + [1.0] * length for length in lengths])


def test_the_share_of_masked_events_is_as_given_and_padding_is_never_masked() -> None:
    torch.manual_seed(0)
    events = real(*[20] * 400, *[10] * 400)

    hidden = mask_randomly(events, 0.3)

    assert not (hidden & (events == 0)).any()
    # Expect 3600 of 12000, with a standard deviation of 50.
    assert 3400 < int(hidden.sum()) < 3800


def test_the_only_event_of_a_sequence_is_masked() -> None:
    assert mask_randomly(real(1, 3), 1e-9)[0].tolist() == [False, False, True]


def test_a_segment_is_contiguous_and_at_most_half_of_the_events() -> None:
    torch.manual_seed(0)

    for length in range(1, 8):
        for hidden in mask_segments(real(*[length] * 200, 9))[:-1]:
            positions = hidden.nonzero()[:, 0].tolist()
            assert 1 <= len(positions) <= max(1, length // 2)
            assert positions == list(range(positions[0], positions[0] + len(positions)))
            assert positions[0] >= 9 - length


def test_every_segment_is_possible() -> None:
    torch.manual_seed(0)

    drawn = {tuple(hidden.nonzero()[:, 0].tolist()) for hidden in mask_segments(real(*[4] * 500))}

    assert drawn == {(0,), (1,), (2,), (3,), (0, 1), (1, 2), (2, 3)}


def test_padding_alone_has_no_segment() -> None:
    assert not mask_segments(torch.zeros(2, 3)).any()
