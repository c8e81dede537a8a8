"""Sequences of all training users that lead to a given next item, as positives of the contrast.

Source: Qiu et al., "Contrastive Learning for Representation Degeneration Problem in Sequential Recommendation", WSDM
2022, https://arxiv.org/abs/2110.05730 (DuoRec: two sequences with the same next item have the same meaning). Deviation:
the draw may be the user's own sequence, which then serves as one more dropout view.
"""

import numpy as np
import torch
from torch import Tensor, nn

from train.data.sequences import Sequences


class SameTarget(nn.Module):
    """Draws, for a target, a training event of that item with events before it, and returns those events.

    All tensors are buffers that a checkpoint leaves out, as they depend on the training events only.

    Attributes:
        rows: item of each training event, int64 ``[events]``.
        starts: index of the first event of the same user, int64 ``[events]``.
        occurrences: indices of the events that have an earlier one, sorted by item, int64.
        firsts: position in ``occurrences`` of the first event of each item, int64 ``[n_items]``.
        counts: number of events of each item in ``occurrences``, int64 ``[n_items]``.
    """

    rows: Tensor
    starts: Tensor
    occurrences: Tensor
    firsts: Tensor
    counts: Tensor

    def __init__(self, train: Sequences, n_items: int) -> None:
        """Index the training events by item."""
        super().__init__()
        rows = train.rows.astype(np.int64)
        starts = train.offsets[:-1][train.users()].astype(np.int64)
        later = np.flatnonzero(np.arange(len(rows)) > starts)
        counts = np.bincount(rows[later], minlength=n_items)
        arrays = {
            "rows": rows,
            "starts": starts,
            "occurrences": later[np.argsort(rows[later], kind="stable")],
            "firsts": np.cumsum(counts) - counts,
            "counts": counts,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.int64)), persistent=False)

    def draw(self, rows: Tensor, mask: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return a sequence before a random event of each target; the given sequence where there is none.

        Args:
            rows: the users' own sequences, int64 ``[users, length]``; results are cut to the newest ``length`` events.
            mask: 1 for an event, with padding in front, float32 ``[users, length]``.
            targets: next item of each user, int64 ``[users]``.
        """
        if not len(self.occurrences):
            return rows, mask
        count = self.counts[targets]
        drawn = (torch.rand(count.shape, device=count.device) * count).long()
        # float32 may round up to the count itself.
        place = (self.firsts[targets] + torch.minimum(drawn, count - 1)).clamp(0, len(self.occurrences) - 1)
        event = self.occurrences[place][:, None]
        before = event - torch.arange(rows.shape[1], 0, -1, device=rows.device)
        inside = before >= self.starts[event]
        other = torch.where(inside, self.rows[before.clamp(min=0)], 0)
        found = (count > 0)[:, None]
        return torch.where(found, other, rows), torch.where(found, inside.to(mask.dtype), mask)
