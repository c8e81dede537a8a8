"""The semantic space: whitened frozen text vectors, and learned projections of them to the model's width.

Frozen vectors are whitened first (:mod:`train.items.whitening`). The whitening is saved with the model, the vectors are
not: an item that is new to the catalogue needs one encoding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.features import Features
from train.items.whitening import Whitening
from train.objectives.contrast import directions


class SemanticMap(nn.Module):
    """Projection from ``[..., width]`` to ``[..., dim]``: linear, or with a hidden layer followed by a layer norm."""

    def __init__(self, whitening: Whitening, dim: int, hidden: int | None) -> None:
        super().__init__()
        width = len(whitening.centre)
        self.first = nn.Linear(width, hidden or dim)
        self.norm = nn.LayerNorm(hidden) if hidden else None
        self.last = nn.Linear(hidden, dim) if hidden else None
        for linear in (self.first, self.last):
            if linear is not None:
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, whitening: Whitening, vectors: Tensor) -> Tensor:
        """Return ``[..., dim]``."""
        mapped = whitening.then(self.first, vectors)
        if self.norm is None or self.last is None:
            return mapped
        return self.last(F.gelu(self.norm(mapped)))  # type: ignore[no-any-return]  # nn.Module's call is untyped


class SemanticSpace(nn.Module):
    """Frozen unit vectors of all items, and learned projections of items and histories to the model's width."""

    frozen: Tensor
    described: Tensor

    def __init__(self, features: Features, dim: int, hidden: int | None, shrinkage: float) -> None:
        super().__init__()
        described = torch.from_numpy(features.present[:, 0].copy())
        frozen = directions(torch.from_numpy(features.vectors[:, 0].copy()))
        self.register_buffer("frozen", frozen, persistent=False)
        self.register_buffer("described", described.float(), persistent=False)
        self.whitening = Whitening(frozen[described], shrinkage)
        self.item_map = SemanticMap(self.whitening, dim, hidden)
        self.history_map = SemanticMap(self.whitening, dim, hidden)
        # From the same weights, so that a history is near similar items before training.
        self.history_map.load_state_dict(self.item_map.state_dict())

    def items(self, rows: Tensor | None = None) -> Tensor:
        """Return the semantic vectors of ``rows`` ``[n]``, or of all items, ``[n, dim]``; zeros without a text."""
        kept = slice(None) if rows is None else rows
        mapped: Tensor = self.item_map(self.whitening, self.frozen[kept])
        return mapped * self.described[kept, None]

    def with_text(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Return ``mask`` ``[..., length]`` without the events whose items have no text, of the same shape."""
        return mask * self.described[rows]

    def histories(self, means: Tensor, known: Tensor) -> Tensor:
        """Return the semantic vectors of users, ``[..., dim]``.

        Args:
            means: text vectors of histories: a mean of events' frozen vectors, or the exact encoding of their text.
                They are normalized, ``[..., width]``.
            known: 1 for a history with texts, else 0, ``[...]``.
        """
        mapped: Tensor = self.history_map(self.whitening, directions(means))
        return mapped * known[..., None]
