"""Contrast between the modalities of one item, each encoded without a look at the others."""

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.objectives.contrast import symmetric_info_nce
from train.plugins.fusion_encoder import FusionEncoder
from train.plugins.plugin import Step

# Items that are contrasted in a step.
CONTRAST_ITEMS = 256
HELD_OUT = 0.1


def held_out(has: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Return a tenth of the items that have several modalities, bool ``[n_items]``.

    They are never contrasted, so that retrieval can be measured on items whose pairs were not learnt.
    """
    paired = np.flatnonzero(has.sum(axis=1) > 1)
    chosen = np.random.default_rng(seed).permutation(paired)[: int(HELD_OUT * len(paired))]
    out = np.zeros(len(has), dtype=np.bool_)
    out[chosen] = True
    return out


class Contrast:
    """The mean over pairs of modalities of a symmetric InfoNCE, on a sample of items that have both.

    Owns no weights: they are the encoder's.

    Attributes:
        n_items: how many items may be contrasted.
    """

    def __init__(self, encoder: FusionEncoder, left_out: NDArray[np.bool_], *, temperature: float) -> None:
        """Prepare the loss.

        Args:
            encoder: of the modalities.
            left_out: items that are never contrasted, bool ``[n_items]``.
            temperature: of the InfoNCE.
        """
        self._encoder = encoder
        self._usable = (encoder.has.sum(dim=1) > 1) & ~torch.from_numpy(left_out)
        self._temperature = temperature
        self.n_items = int(self._usable.sum())

    def __call__(self, step: Step) -> Tensor:
        """Return the loss, a scalar: items of the batch first, and others where they are fewer than the sample."""
        items = self._sample(step)
        has = self._encoder.has[items]
        encoded = self._encoder(items, has, apart=True)
        losses = []
        for first, second in combinations(range(has.shape[1]), 2):
            both = has[:, first] & has[:, second]
            sides = encoded[both, first], encoded[both, second]
            losses.append(symmetric_info_nce(*sides, temperature=self._temperature))
        return torch.stack(losses).mean()

    def _sample(self, step: Step) -> Tensor:
        usable = self._usable.to(step.histories.device)
        urgency = torch.rand(len(usable), device=usable.device)
        urgency[step.histories[step.mask > 0]] += 1.0
        return urgency.masked_fill(~usable, -1.0).topk(min(CONTRAST_ITEMS, self.n_items)).indices
