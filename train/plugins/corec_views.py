"""Augmented views of sequences: crop, mask, reorder, substitute. All users at once, drawn from torch's generator.

Sources: crop, mask and reorder: Xie et al., "Contrastive Learning for Sequential Recommendation", ICDE 2022,
https://arxiv.org/abs/2010.14395 (CL4SRec); substitute: Liu et al., "Contrastive Self-Supervised Sequential
Recommendation with Robust Augmentation", 2021, https://arxiv.org/abs/2108.06479 (CoSeRec). Where we deviate: a masked
event is taken out, because not every backbone has a mask token; and one strength serves all four.

Rows are int64 ``[users, length]`` and masks float32 of that shape, padding in front; so are those returned. Every user
keeps at least one event of those that were there.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from train.loop.batches import group_lengths


def augmented(rows: Tensor, mask: Tensor, similar: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Return a view of each sequence, by an operation drawn for each user; where that would do nothing, substitute.

    Args:
        rows: see above.
        mask: see above.
        similar: items to substitute each item by, ``[n_items, k]``.
        strength: share of the events that an operation touches, rounded down, in [0, 1).
    """
    views = (
        crop(rows, mask, strength),
        drop(rows, mask, strength),
        reorder(rows, mask, strength),
        substitute(rows, mask, similar, strength),
    )
    drawn = torch.randint(len(views), (len(rows),), device=rows.device)
    drawn = torch.where(n_touched(mask, strength) > 0, drawn, len(views) - 1)
    user = torch.arange(len(rows), device=rows.device)
    return torch.stack([view for view, _ in views])[drawn, user], torch.stack([kept for _, kept in views])[drawn, user]


def crop(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Keep one run of events; it may stand anywhere."""
    touched, place = n_touched(mask, strength), _places(mask)
    start = _drawn_below(touched + 1)
    n_kept = mask.sum(dim=1).long() - touched
    kept = (place >= start[:, None]) & (place < (start + n_kept)[:, None])
    return compacted(rows, mask * kept)


def drop(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Take out events drawn at random."""
    return compacted(rows, mask * ~_drawn_events(mask, n_touched(mask, strength)))


def reorder(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Shuffle one run of events."""
    touched, place = n_touched(mask, strength), _places(mask)
    start = _drawn_below(mask.sum(dim=1).long() - touched + 1)
    end = start + touched
    inside = (place >= start[:, None]) & (place < end[:, None])
    shuffled = start[:, None] + torch.rand(mask.shape, device=mask.device) * touched[:, None]
    order = torch.where(inside, shuffled, place).argsort(dim=1, stable=True)
    return rows.gather(1, order), mask.gather(1, order)


def substitute(rows: Tensor, mask: Tensor, similar: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Put a similar item in the place of events drawn at random, of one event at least."""
    chosen = _drawn_events(mask, n_touched(mask, strength).clamp(min=1))
    column = torch.randint(similar.shape[1], rows.shape, device=rows.device)
    return torch.where(chosen, similar[rows, column].long(), rows), mask


def n_touched(mask: Tensor, strength: float) -> Tensor:
    """Return how many events of each user an operation touches, int64 ``[users]``: all but one at most."""
    length = mask.sum(dim=1)
    return torch.minimum((length * strength).floor(), length - 1).clamp(min=0).long()


def compacted(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same events in the same order without gaps, as every backbone expects them."""
    order = mask.argsort(dim=1, stable=True)
    return rows.gather(1, order), mask.gather(1, order)


def encode_by_length(encode: Callable[[Tensor, Tensor], Tensor], rows: Tensor, mask: Tensor) -> Tensor:
    """Return the states of views, ``[views, dim]``, made in groups of similar length to compute little padding.

    Args:
        encode: rows and mask to states, as in :class:`train.plugins.plugin.Step`.
        rows: see above; at least one view.
        mask: see above.
    """
    length = mask.sum(dim=1)
    group = torch.bucketize(length, torch.tensor(group_lengths(mask.device), device=mask.device))
    members, states = [], []
    for bound in torch.unique(group):
        member = (group == bound).nonzero()[:, 0]
        longest = max(1, int(length[member].max()))
        members.append(member)
        states.append(encode(rows[member, -longest:], mask[member, -longest:]))
    return torch.cat(states)[torch.cat(members).argsort()]


def _places(mask: Tensor) -> Tensor:
    """Return the place of each event in its sequence, from 0; below 0 for padding."""
    return torch.where(mask > 0, mask.cumsum(dim=1) - 1, -1.0)


def _drawn_below(bound: Tensor) -> Tensor:
    """Return a number from 0 to below each bound, int64; bounds are at least 1."""
    drawn = (torch.rand(bound.shape, device=bound.device) * bound).long()
    # float32 may round up to the bound itself.
    return torch.minimum(drawn, bound - 1)


def _drawn_events(mask: Tensor, count: Tensor) -> Tensor:
    """Return ``count`` ``[users]`` of each user's events, drawn without replacement, bool ``[users, length]``."""
    noise = torch.rand(mask.shape, device=mask.device).masked_fill(mask == 0, torch.inf)
    rank = noise.argsort(dim=1).argsort(dim=1)
    return (rank < count[:, None]) & (mask > 0)
