"""Item vectors from what a language model knows already of their texts, on top of a table or in place of one.

After the description of SAGE: items are described by the language model's own vectors of their texts, which are frozen;
only a small map from them to the width of the model is learnt. A new item needs one encoding and no training.

Where we deviate:

- The description builds no item vocabulary. That is ``vocabulary="reuse"``; the default, ``both``, keeps a table of
  vectors beside the map, because the map alone loses 40 % of NDCG@10 on Beauty (docs/results.md): texts do not tell
  what behaviour does. What stands in for a new item's row is made of its neighbours'
  (:mod:`train.full_model.new_items`).
- It takes token embeddings and hidden states. Here it is the mean of the last hidden states: contextual states of the
  same tokens. One vector an item keeps the cache small and the map linear. Extractors are replaceable
  (:mod:`train.items.extractors`): one that gives the mean of token embeddings fits as well.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.whitening import Whitening

# The scale from which a table of item vectors starts, see train.full_model.model.Model.
_STANDARD_DEVIATION = 0.02
# How far the text vectors stay from fully whitened.
_SHRINKAGE = 0.1


class ReusedVocabulary(nn.Module):
    """From text vectors ``[n, width]`` to item vectors ``[n, dim]``."""

    def __init__(self, text: Tensor, dim: int, hidden: int, *, from_zero: bool) -> None:
        """Measure the texts that the map will be trained on.

        Args:
            text: unit vectors of the items that occur in training, ``[n, width]``.
            dim: width of an item vector.
            hidden: width of the hidden layer; linear where 0.
            from_zero: begin with vectors of zeros, for a map that adds to a table; otherwise they begin as large as the
                rows of a table do.
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
        """Return item vectors; an item without a text, whose vector is zeros, gets zeros."""
        mapped = self.whitening.then(self.first, text)
        if self.last is not None:
            mapped = self.last(F.gelu(mapped))
        described = (text != 0).any(1, keepdim=True)
        return mapped * self.gain * described
