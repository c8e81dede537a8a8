"""Item vectors from a language model's vectors of their texts, on top of a table or in place of one.

Implements the description of SAGE: items are represented by the language model's vectors of their texts, which are
frozen; only a small projection to the model's width is learned. A new item needs one encoding and no training.

Deviations:

- The description has no item vocabulary. That is ``vocabulary="reuse"``. The default, ``both``, keeps a table of ID
  embeddings beside the projection, because the projection alone loses 40 % of NDCG@10 on Beauty (docs/results.md):
  texts lack the collaborative signal. The stand-in of a new item is computed from its neighbours
  (:mod:`train.full_model.new_items`).
- The description uses token embeddings and hidden states. Here it is the mean of the last hidden states, which are
  contextual states of the same tokens. One vector for each item keeps the cache small and the projection linear.
  Extractors are replaceable (:mod:`train.items.extractors`), for example by one for the mean of token embeddings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.whitening import Whitening

# The initial standard deviation of item vectors, see train.full_model.model.Model.
_STANDARD_DEVIATION = 0.02
# Shrinkage of the whitening: 0 whitens fully.
_SHRINKAGE = 0.1


class ReusedVocabulary(nn.Module):
    """Projects text vectors ``[n, width]`` to item vectors ``[n, dim]``."""

    def __init__(self, text: Tensor, dim: int, hidden: int, *, from_zero: bool) -> None:
        """Fit the whitening to the texts that the projection will be trained on.

        Args:
            text: unit vectors of the items that occur in training, ``[n, width]``.
            dim: width of an item vector.
            hidden: width of the hidden layer; 0 makes the projection linear.
            from_zero: initialize the output to zeros, for a projection that is added to a table; otherwise it starts at
                the scale of the rows of a table.
        """
        super().__init__()
        self.whitening = Whitening(text, _SHRINKAGE)
        self.first = nn.Linear(text.shape[1], hidden or dim)
        self.last = nn.Linear(hidden, dim) if hidden else None
        for linear in (self.first, self.last):
            if linear is not None:
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)
        self.gain = nn.Parameter(torch.full((dim,), 0.0 if from_zero else _STANDARD_DEVIATION))

    def forward(self, text: Tensor) -> Tensor:
        """Return item vectors; an item without a text, which has a zero vector, gets zeros."""
        mapped = self.whitening.then(self.first, text)
        if self.last is not None:
            mapped = self.last(F.gelu(mapped))
        described = (text != 0).any(1, keepdim=True)
        return mapped * self.gain * described
