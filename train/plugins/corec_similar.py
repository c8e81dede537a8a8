"""Items that may stand in for each other: neighbours in training, or in the item table where there are none."""

import numpy as np
import torch
from torch import Tensor, nn

from train.data.sequences import Sequences
from train.objectives.contrast import directions
from train.plugins.corec_cooccurrence import co_occurring

# Neighbours within so many events are taken for similar; so many of them are kept for each item.
_WINDOW = 3
_N_SIMILAR = 10
_SCORES_AT_ONCE = 16_777_216


class SimilarItems(nn.Module):
    """Which items each item may be substituted by.

    Attributes:
        rows: int32 ``[n_items, k]``; itself where nothing is known yet. A buffer, so that a resumed training goes on
            with it.
    """

    rows: Tensor
    known: Tensor
    lonely: Tensor

    def __init__(self, train: Sequences, n_items: int) -> None:
        """Take the neighbours in training."""
        super().__init__()
        near = co_occurring(train, n_items, window=_WINDOW, k=_N_SIMILAR)
        occurs = np.bincount(train.rows, minlength=n_items) > 0
        self.register_buffer("rows", torch.from_numpy(near.rows))
        self.register_buffer("known", torch.from_numpy(np.flatnonzero(occurs)), persistent=False)
        # Nobody asks for an item that never occurs in training.
        self.register_buffer("lonely", torch.from_numpy(np.flatnonzero(occurs & ~near.known)), persistent=False)

    def refresh(self, table: Tensor) -> None:
        """Give items without neighbours in training the nearest in the table, ``[n_items, dim]``."""
        k = min(self.rows.shape[1], len(self.known) - 1)
        if k < 1:
            return
        aims = directions(table[self.known]).T
        for lonely in torch.split(self.lonely, max(1, _SCORES_AT_ONCE // len(self.known))):
            cosine = (directions(table[lonely]) @ aims).masked_fill(lonely[:, None] == self.known, -torch.inf)
            nearest = self.known[cosine.topk(k, dim=1).indices]
            cycled = torch.arange(self.rows.shape[1], device=table.device) % k
            self.rows[lonely] = nearest[:, cycled].to(self.rows.dtype)
