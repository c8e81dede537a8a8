"""Augmented views of sequences: crop, mask, reorder, substitute; batched, with torch's global random generator.

Sources: crop, mask and reorder: Xie et al., "Contrastive Learning for Sequential Recommendation", ICDE 2022,
https://arxiv.org/abs/2010.14395 (CL4SRec); substitute: Liu et al., "Contrastive Self-Supervised Sequential
Recommendation with Robust Augmentation", 2021, https://arxiv.org/abs/2108.06479 (CoSeRec). Deviations: a masked event
is removed, because not every backbone has a mask token; one strength applies to all four; and :func:`augment` never
changes the newest event, which says most about the next one.

Rows are int64 ``[users, length]`` and masks float32 of that shape, with padding in front, both for arguments and
results. Every user keeps at least one event.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from train.loop.batches import group_lengths


def augment(rows: Tensor, mask: Tensor, similar: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Return a view of each sequence, with a random operation for each user; substitution where it would do nothing.

    The newest event stays as it is, so a sequence of one event is its own view.

    Args:
        rows: see the module's docstring.
        mask: see the module's docstring.
        similar: substitutes for each item, ``[n_items, k]``.
        strength: share of the older events that an operation changes, rounded down, in [0, 1).
    """
    older, kept = _augment_all(rows[:, :-1], mask[:, :-1], similar, strength)
    return torch.cat([older, rows[:, -1:]], dim=1), torch.cat([kept, mask[:, -1:]], dim=1)


def _augment_all(rows: Tensor, mask: Tensor, similar: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    views = (
        crop(rows, mask, strength),
        drop(rows, mask, strength),
        reorder(rows, mask, strength),
        substitute(rows, mask, similar, strength),
    )
    drawn = torch.randint(len(views), (len(rows),), device=rows.device)
    drawn = torch.where(n_changed(mask, strength) > 0, drawn, len(views) - 1)
    user = torch.arange(len(rows), device=rows.device)
    return torch.stack([view for view, _ in views])[drawn, user], torch.stack([kept for _, kept in views])[drawn, user]


def crop(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Keep one contiguous run of events, at a random position."""
    changed, position = n_changed(mask, strength), _positions(mask)
    start = _drawn_below(changed + 1)
    n_kept = mask.sum(dim=1).long() - changed
    kept = (position >= start[:, None]) & (position < (start + n_kept)[:, None])
    return close_gaps(rows, mask * kept)


def drop(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Remove random events."""
    return close_gaps(rows, mask * ~_drawn_events(mask, n_changed(mask, strength)))


def reorder(rows: Tensor, mask: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Shuffle one contiguous run of events."""
    changed, position = n_changed(mask, strength), _positions(mask)
    start = _drawn_below(mask.sum(dim=1).long() - changed + 1)
    end = start + changed
    inside = (position >= start[:, None]) & (position < end[:, None])
    shuffled = start[:, None] + torch.rand(mask.shape, device=mask.device) * changed[:, None]
    order = torch.where(inside, shuffled, position).argsort(dim=1, stable=True)
    return rows.gather(1, order), mask.gather(1, order)


def substitute(rows: Tensor, mask: Tensor, similar: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Replace random events, at least one, by similar items."""
    chosen = _drawn_events(mask, n_changed(mask, strength).clamp(min=1))
    column = torch.randint(similar.shape[1], rows.shape, device=rows.device)
    return torch.where(chosen, similar[rows, column].long(), rows), mask


def n_changed(mask: Tensor, strength: float) -> Tensor:
    """Return the number of events of each user that an operation changes, int64 ``[users]``: at most all but one."""
    length = mask.sum(dim=1)
    return torch.minimum((length * strength).floor(), length - 1).clamp(min=0).long()


def close_gaps(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same events in the same order without gaps, as backbones expect them."""
    order = mask.argsort(dim=1, stable=True)
    return rows.gather(1, order), mask.gather(1, order)


def encode_by_length(encode: Callable[[Tensor, Tensor], Tensor], rows: Tensor, mask: Tensor) -> Tensor:
    """Return the states of views, ``[views, dim]``, computed in groups of similar length to reduce padding.

    Args:
        encode: maps rows and mask to states, as in :class:`train.plugins.plugin.TrainingStep`.
        rows: see the module's docstring; at least one view.
        mask: see the module's docstring.
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


def _positions(mask: Tensor) -> Tensor:
    """Return the position of each event in its sequence, from 0; below 0 for padding."""
    return torch.where(mask > 0, mask.cumsum(dim=1) - 1, -1.0)


def _drawn_below(bound: Tensor) -> Tensor:
    """Return a random integer from 0 to below each bound, int64; bounds are at least 1."""
    drawn = (torch.rand(bound.shape, device=bound.device) * bound).long()
    # float32 may round up to the bound itself.
    return torch.minimum(drawn, bound - 1)


def _drawn_events(mask: Tensor, count: Tensor) -> Tensor:
    """Return a mask of ``count`` ``[users]`` random events of each user, bool ``[users, length]``."""
    noise = torch.rand(mask.shape, device=mask.device).masked_fill(mask == 0, torch.inf)
    rank = noise.argsort(dim=1).argsort(dim=1)
    return (rank < count[:, None]) & (mask > 0)
