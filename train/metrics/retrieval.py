"""Cross-modal retrieval: whether an item is found by the vector of one modality among those of another.

Protocol: every item that has both modalities is a query once, and is ranked among all of them by cosine; ties count
against the model, so two items with the same picture are never at rank 1. With one target, "R@k" is Recall@k.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.metrics.ranking import Ranks, rank_targets
from train.objectives.contrast import directions


def retrieval_ranks(queries: Tensor, candidates: Tensor) -> Ranks:
    """Rank, for each query, the candidate of the same row among all candidates; 0 is best.

    Args:
        queries: vectors of one modality, ``[n, dim]``.
        candidates: vectors of another modality of the same items, ``[n, dim]``.

    Raises:
        ValueError: the shapes differ, or there are no items.
    """
    if queries.shape != candidates.shape:
        raise ValueError(f"expected queries and candidates of one shape, got {queries.shape} and {candidates.shape}")
    queries, candidates = directions(queries.detach()), directions(candidates.detach())
    nothing = np.empty(0, dtype=np.int32)

    def score(users: NDArray[np.int64]) -> Tensor:
        return queries[torch.from_numpy(users).to(queries.device)] @ candidates.T

    targets = np.arange(len(queries), dtype=np.int32)
    return rank_targets(score, [nothing] * len(queries), targets, len(candidates)).excluded
