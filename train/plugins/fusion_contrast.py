"""Contrastive loss between the modalities of an item, each encoded separately."""

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.objectives.contrast import symmetric_info_nce
from train.plugins.fusion_encoder import FusionEncoder
from train.plugins.plugin import TrainingStep

# Items in the contrastive loss of a step.
CONTRAST_ITEMS = 256
HELD_OUT = 0.1


def held_out(has: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Choose a tenth of the items with several modalities; returns bool ``[n_items]``.

    They are left out of the contrastive loss, so that retrieval can be measured on pairs that were not trained.
    """
    paired = np.flatnonzero(has.sum(axis=1) > 1)
    chosen = np.random.default_rng(seed).permutation(paired)[: int(HELD_OUT * len(paired))]
    out = np.zeros(len(has), dtype=np.bool_)
    out[chosen] = True
    return out


class Contrast:
    """The mean over pairs of modalities of a symmetric InfoNCE, on a sample of items that have both.

    Has no weights besides the encoder's.

    Attributes:
        n_items: number of items that may be sampled.
    """

    def __init__(self, encoder: FusionEncoder, left_out: NDArray[np.bool_], *, temperature: float) -> None:
        """Prepare the loss.

        Args:
            encoder: encoder of the modalities.
            left_out: items that are never sampled, bool ``[n_items]``.
            temperature: temperature of the InfoNCE.
        """
        self._encoder = encoder
        self._usable = (encoder.has.sum(dim=1) > 1) & ~torch.from_numpy(left_out)
        self._temperature = temperature
        self.n_items = int(self._usable.sum())

    def __call__(self, step: TrainingStep) -> Tensor:
        """Return the loss, a scalar, on items of the batch, filled up with others to the sample size."""
        items = self._sample(step)
        has = self._encoder.has[items]
        encoded = self._encoder(items, has, apart=True)
        losses = []
        for first, second in combinations(range(has.shape[1]), 2):
            both = has[:, first] & has[:, second]
            sides = encoded[both, first], encoded[both, second]
            losses.append(symmetric_info_nce(*sides, temperature=self._temperature))
        return torch.stack(losses).mean()

    def _sample(self, step: TrainingStep) -> Tensor:
        usable = self._usable.to(step.histories.device)
        priority = torch.rand(len(usable), device=usable.device)
        priority[step.histories[step.mask > 0]] += 1.0
        return priority.masked_fill(~usable, -1.0).topk(min(CONTRAST_ITEMS, self.n_items)).indices
