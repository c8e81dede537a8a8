r"""Stand-ins for missing ID embeddings: the weighted mean over known items with the nearest texts.

.. math::
    \tilde e_i = \sum_{j \in N_k(i)} w_{ij}\, e_j, \qquad
    w_{ij} = \frac{\exp(\cos(x_i, x_j) / \tau)}{\sum_{j' \in N_k(i)} \exp(\cos(x_i, x_{j'}) / \tau)}

with :math:`x` the frozen text vectors and :math:`N_k(i)` the ``k`` known items nearest to ``i``, except itself: kernel
regression (Nadaraya 1964, Watson 1964) from texts to ID embeddings. The vectors that plug-ins compute from texts are
smooth functions of them, with half the spread in scores of ID embeddings, so a new item with these alone would rarely
reach a list.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.items.features import Features, text_space

_N_NEAREST = 5
_TEMPERATURE = 0.1
# Cosines of a large catalogue are computed in chunks, and with its most frequent items only, so time is linear.
_COSINES_AT_ONCE = 16_777_216
MAX_KNOWN = 16_384
"""Largest number of known items to look for neighbours in."""


class StandIns(nn.Module):
    """The nearest known items of every item, with their weights.

    Attributes:
        rows: catalogue rows, int64 ``[n_items, k]``; a buffer.
        weights: weights that sum to 1, or zeros for an item without text or without known items, float32
            ``[n_items, k]``; a buffer.
    """

    rows: Tensor
    weights: Tensor

    def __init__(self, features: Features, counts: NDArray[np.int64]) -> None:
        """Compute neighbours and weights.

        Args:
            features: features of the items' texts.
            counts: training events of each item, int64 ``[n_items]``; items without any are not known.
        """
        super().__init__()
        space = torch.from_numpy(text_space(features))
        described = (space != 0).any(1).numpy()
        order = np.argsort(-counts, kind="stable")[:MAX_KNOWN]
        known = torch.from_numpy(order[(counts > 0)[order] & described[order]])
        rows, weights = nearest_known(space, known, torch.arange(len(space)))
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("weights", weights * torch.from_numpy(described)[:, None], persistent=False)

    def forward(self, table: Tensor, missing: Tensor) -> Tensor:
        """Return ``table`` ``[n_items, dim]`` with the rows of the ``lacking`` items, bool ``[n_items]``, replaced."""
        items = missing.nonzero()[:, 0]
        result = (self.weights[items, :, None] * table[self.rows[items]]).sum(1)
        return table.index_copy(0, items, result)


def nearest_known(space: Tensor, known: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
    """Return the known items nearest to each of some items, except itself, and their weights, both ``[n, k]``.

    Args:
        space: unit vectors of all items, ``[n_items, W]``.
        known: rows of the known items, int64 ``[K]``.
        items: rows of the items to find neighbours of, int64 ``[n]``.
    """
    k = min(_N_NEAREST, max(len(known) - 1, 0))
    index_in_known = torch.full((len(space),), -1).index_copy(0, known, torch.arange(len(known)))
    known_texts = space[known].T
    rows, weights = [], []
    for chunk in torch.split(items, max(1, _COSINES_AT_ONCE // max(len(known), 1))):
        cosines = space[chunk] @ known_texts
        known_items = (index_in_known[chunk] >= 0).nonzero()[:, 0]
        cosines[known_items, index_in_known[chunk[known_items]]] = -torch.inf
        best = cosines.topk(k, dim=1)
        rows.append(known[best.indices])
        weights.append(torch.softmax(best.values / _TEMPERATURE, dim=1))
    return torch.cat(rows), torch.cat(weights)
