"""Substitutes for items: neighbours in training events, or in the item table for items without such neighbours."""

import numpy as np
import torch
from torch import Tensor, nn

from train.data.sequences import Sequences
from train.objectives.contrast import directions
from train.plugins.corec_cooccurrence import co_occurring

# Items within this many events of each other count as neighbours; this many are kept for each item.
_WINDOW = 3
_N_SIMILAR = 10
_SCORES_AT_ONCE = 16_777_216


class SimilarItems(nn.Module):
    """Substitutes for each item.

    Attributes:
        rows: substitutes, int32 ``[n_items, k]``; the item itself where none are known. A buffer, so that it is part of
            a checkpoint.
    """

    rows: Tensor
    known: Tensor
    isolated: Tensor

    def __init__(self, train: Sequences, n_items: int) -> None:
        """Start from neighbours in the training events."""
        super().__init__()
        near = co_occurring(train, n_items, window=_WINDOW, k=_N_SIMILAR)
        occurs = np.bincount(train.rows, minlength=n_items) > 0
        self.register_buffer("rows", torch.from_numpy(near.rows))
        self.register_buffer("known", torch.from_numpy(np.flatnonzero(occurs)), persistent=False)
        # Items that never occur in training are never substituted.
        self.register_buffer("isolated", torch.from_numpy(np.flatnonzero(occurs & ~near.known)), persistent=False)

    def refresh(self, table: Tensor) -> None:
        """For items without neighbours in training, take the nearest items of the table, ``[n_items, dim]``."""
        k = min(self.rows.shape[1], len(self.known) - 1)
        if k < 1:
            return
        known_directions = directions(table[self.known]).T
        for isolated in torch.split(self.isolated, max(1, _SCORES_AT_ONCE // len(self.known))):
            cosine = (directions(table[isolated]) @ known_directions).masked_fill(
                isolated[:, None] == self.known, -torch.inf
            )
            nearest = self.known[cosine.topk(k, dim=1).indices]
            cycled = torch.arange(self.rows.shape[1], device=table.device) % k
            self.rows[isolated] = nearest[:, cycled].to(self.rows.dtype)
