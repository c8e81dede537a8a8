"""The trade-off between diversity and accuracy of a re-ranker.

The re-ranker is an argument, because it is part of the device (:func:`edge_runtime.diversity.diversified_positions`).
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from train.data.split import Targets
from train.metrics.interests import Interests
from train.metrics.lists import PADDING, Lists, Vectors, list_metrics, model_lists
from train.metrics.ranker import Ranker
from train.metrics.ranking import ndcg, recall

N_CANDIDATES = 100
LIST_LENGTH = 10
DIVERSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# Maps the scores of the candidates, best first, ``[c]``, their item vectors ``[c, dim]``, the number of items to show
# and the diversity, from 0 "precise" to 1 "diverse", to the indices of the shown items, in order.
ReRank = Callable[[NDArray[np.float32], NDArray[np.float32], int, float], NDArray[np.int64]]


class DiversityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of the lists at one setting of the diversity.

    Attributes:
        diversity: from 0 "precise" to 1 "diverse".
        figures: NDCG@10, Recall@10, ``kept@10`` (share of the most precise list that remains), and the metrics of
            :mod:`train.metrics.lists`, by name.
    """

    diversity: float
    figures: dict[str, float]


def measure_diversity(
    model: Ranker,
    targets: Targets,
    re_rank: ReRank,
    vectors: Vectors,
    interests: Interests | None,
    diversities: Sequence[float] = DIVERSITIES,
) -> list[DiversityPoint]:
    """Re-rank each user's best hundred unseen items at each setting of the diversity.

    Args:
        model: the model to evaluate.
        targets: test users and their targets.
        re_rank: selects from the candidates.
        vectors: unit vectors of the texts, ``[n_items, W]``.
        interests: labels of the items, or None.
        diversities: settings to measure.
    """
    candidates, scores = model_lists(model, targets, N_CANDIDATES)
    with torch.inference_mode():
        table = model.item_vectors().cpu().numpy()
    points = []
    for diversity in diversities:
        lists = re_rank_lists(candidates, scores, table, re_rank, diversity)
        figures = accuracy(lists, targets.rows) | {"kept@10": kept(lists, candidates)}
        figures |= list_metrics(lists, len(vectors), vectors, interests)
        points.append(DiversityPoint(diversity=float(diversity), figures=figures))
    return points


def re_rank_lists(
    candidates: Lists, scores: NDArray[np.float32], table: NDArray[np.float32], re_rank: ReRank, diversity: float
) -> Lists:
    """Return the re-ranked lists, int32 ``[U, 10]``.

    Args:
        candidates: the best items of each user, int32 ``[U, c]``.
        scores: their scores, ``[U, c]``.
        table: item vectors, ``[n_items, dim]``.
        re_rank: selects from the candidates.
        diversity: from 0 "precise" to 1 "diverse".
    """
    lists = np.full((len(candidates), LIST_LENGTH), PADDING, dtype=np.int32)
    for shown, rows, values in zip(lists, candidates, scores, strict=True):
        present = rows != PADDING
        rows = rows[present]
        positions = re_rank(values[present], table[rows], LIST_LENGTH, diversity)
        shown[: len(positions)] = rows[positions]
    return lists


def kept(lists: Lists, candidates: Lists) -> float:
    """Return the mean share of the ten best candidates that the lists still hold, whatever the order."""
    precise = candidates[:, :LIST_LENGTH]
    there = precise != PADDING
    found = (precise[:, :, None] == lists[:, None, :]).any(axis=2) & there
    n_precise = there.sum(axis=1)
    return float((found.sum(axis=1) / np.maximum(n_precise, 1))[n_precise > 0].mean())


def accuracy(lists: Lists, targets: NDArray[np.int32]) -> dict[str, float]:
    """Return NDCG@10 and Recall@10 of re-ranked lists; a target outside the list is a miss."""
    hits = lists == targets[:, None]
    ranks = np.where(hits.any(axis=1), hits.argmax(axis=1), max(LIST_LENGTH, lists.shape[1]))
    return {"ndcg@10": float(ndcg(ranks, 10).mean()), "recall@10": float(recall(ranks, 10).mean())}
