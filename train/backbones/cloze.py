"""Random masks for bidirectional encoders. Draws from torch's global generator."""

import torch
from torch import Tensor


def mask_randomly(real: Tensor, share: float) -> Tensor:
    """Mask each event with probability ``share``, and at least one of every sequence.

    Args:
        real: 1 for an event, 0 for padding, ``[batch, length]``; at least one event each.
        share: probability of masking an event.

    Returns:
        The masked events, bool ``[batch, length]``.
    """
    # Padding gets 2, so that it is neither below the share nor the minimum.
    draws = torch.rand(real.shape, device=real.device).masked_fill(real == 0, 2.0)
    return (draws < share).scatter(1, draws.argmin(1, keepdim=True), True)


def mask_segments(real: Tensor) -> Tensor:
    """Mask one contiguous segment of each sequence, of 1 to half of its events, at a random position.

    Args:
        real: 1 for an event, 0 for padding, ``[batch, length]``.

    Returns:
        The masked events, bool ``[batch, length]``.
    """
    n_events = real.sum(1)
    length = _draw_below((n_events / 2).floor()) + 1
    start = _draw_below(n_events - length + 1)
    position = real.cumsum(1) - 1
    return (position >= start[:, None]) & (position < (start + length)[:, None]) & (real > 0)


def _draw_below(bound: Tensor) -> Tensor:
    """Return random integers from 0 to below ``bound``, or 0 if it is not positive; float like ``bound``."""
    drawn = (torch.rand_like(bound) * bound).floor()
    return torch.minimum(drawn, bound - 1).clamp(min=0)
