"""Cross-modal retrieval: whether what one modality says of an item finds the item by what another says of it.

Protocol: every item that has both modalities asks once, and is ranked among all of them by the cosine of their vectors;
ties are broken against us, so two items with one picture cannot both be found at rank 1. "R@k" is Recall at one target.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.metrics.ranking import Ranks, rank_targets
from train.objectives.contrast import directions


def retrieval_ranks(queries: Tensor, candidates: Tensor) -> Ranks:
    """Rank, for each query, the candidate of its own row among all candidates, 0 the best.

    Args:
        queries: ``[n, dim]``, of one modality.
        candidates: ``[n, dim]``, of another modality of the same items.

    Raises:
        ValueError: the shapes differ, or there is nothing to find.
    """
    if queries.shape != candidates.shape:
        raise ValueError(f"expected queries and candidates of one shape, got {queries.shape} and {candidates.shape}")
    queries, candidates = directions(queries.detach()), directions(candidates.detach())
    nothing = np.empty(0, dtype=np.int32)

    def score(asking: NDArray[np.int64]) -> Tensor:
        return queries[torch.from_numpy(asking).to(queries.device)] @ candidates.T

    targets = np.arange(len(queries), dtype=np.int32)
    return rank_targets(score, [nothing] * len(queries), targets, len(candidates)).excluded
