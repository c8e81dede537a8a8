"""Structured pruning of whole encoder blocks, by what the ranking loses without each of them.

A pre-norm block adds to what passes through it, so the encoder still works without one, with fewer bytes and in less
time (Men et al., "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect", 2024,
https://arxiv.org/abs/2403.03853, who rank blocks by how little they change their input; here it is NDCG@10).
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.sasrec import SASRec
from train.data.split import Targets
from train.distill.structure import cut, everything
from train.metrics.ranker import mean_ndcg


def pruned(encoder: SASRec, kept: Sequence[int], *, dropout: float = 0.0) -> SASRec:
    """Return a copy of the encoder with the blocks ``kept`` only, in this order."""
    return cut(encoder, everything(encoder.config, kept), dropout=dropout)


def best_blocks(encoder: SASRec, table: Tensor, n_blocks: int, valid: Targets) -> list[int]:
    """Return the blocks to keep, ascending: the least useful one is left out until ``n_blocks`` remain.

    Args:
        encoder: the whole encoder.
        table: item vectors, ``[n_items, dim]``.
        n_blocks: number of blocks to keep, at least 1.
        valid: events that usefulness is measured on, by NDCG@10 without a block. Without any, the first blocks stay.
    """
    kept = list(range(encoder.config.n_blocks))
    while len(kept) > n_blocks:
        if not len(valid):
            return kept[:n_blocks]
        without = {each: [other for other in kept if other != each] for each in kept}
        found = {
            each: mean_ndcg(EncoderOverTable(pruned(encoder, others), table), valid) for each, others in without.items()
        }
        # Of equally useless blocks, the last one goes.
        kept.remove(max(reversed(kept), key=found.__getitem__))
    return kept


class EncoderOverTable(nn.Module):
    """A model for :func:`train.metrics.ranker.rank_split`: an encoder over a fixed item table."""

    def __init__(self, encoder: SASRec, table: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.max_length = encoder.config.max_length
        self._table = table

    def item_vectors(self) -> Tensor:
        """Return the table."""
        return self._table

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the scores of all items after the newest event, ``[batch, n_items]``."""
        return self.encoder.user_state(F.embedding(rows, table), mask) @ table.T
