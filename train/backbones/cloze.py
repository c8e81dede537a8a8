"""What is hidden from a bidirectional encoder. Draws from torch's global generator."""

import torch
from torch import Tensor


def hide_at_random(real: Tensor, share: float) -> Tensor:
    """Hide each event with the chance ``share``, and at least one of every sequence.

    Args:
        real: 1 for an event, 0 for padding, ``[batch, length]``; at least one event each.
        share: expected share of the events.

    Returns:
        What is hidden, bool ``[batch, length]``.
    """
    # Padding draws 2, so that it is neither below the share nor the least.
    draws = torch.rand(real.shape, device=real.device).masked_fill(real == 0, 2.0)
    return (draws < share).scatter(1, draws.argmin(1, keepdim=True), True)


def hide_segments(real: Tensor) -> Tensor:
    """Hide one run of events in each sequence, of 1 to half of its events, anywhere in it.

    Args:
        real: 1 for an event, 0 for padding, ``[batch, length]``.

    Returns:
        What is hidden, bool ``[batch, length]``.
    """
    n_events = real.sum(1)
    length = _draw_below((n_events / 2).floor()) + 1
    start = _draw_below(n_events - length + 1)
    place = real.cumsum(1) - 1
    return (place >= start[:, None]) & (place < (start + length)[:, None]) & (real > 0)


def _draw_below(bound: Tensor) -> Tensor:
    """Return whole numbers from 0 to below ``bound``, or 0 where that is not positive; float like ``bound``."""
    drawn = (torch.rand_like(bound) * bound).floor()
    return torch.minimum(drawn, bound - 1).clamp(min=0)
