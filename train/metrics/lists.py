"""Diversity of recommended lists, and coverage of the catalogue.

There is no single definition of diversity; the docstrings have the formulas. ``L_u`` is the list of user ``u``, ``k``
its length, ``N`` the size of the catalogue.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.sequences import RowArray
from train.data.split import Targets
from train.metrics.histories import histories_of
from train.metrics.interests import Interests
from train.metrics.ranker import Ranker, scorer
from train.metrics.ranking import BATCH_USERS, Score, exclude_history

# Padding of lists shorter than k, when the catalogue has no more unseen items.
PADDING = -1

Lists = NDArray[np.int32]
Vectors = NDArray[np.float32]


def model_lists(model: Ranker, targets: Targets, k: int) -> tuple[Lists, NDArray[np.float32]]:
    """Return the ``k`` best unseen items of each user and their scores, both ``[T, k]``; see :func:`top_lists`."""
    histories = histories_of(targets)
    with torch.inference_mode():
        was_training = model.training
        model.train(False)
        table = model.item_vectors()
        result = top_lists(scorer(model, table, histories), histories, len(table), k)
        model.train(was_training)
    return result


def top_lists(score: Score, histories: Sequence[RowArray], n_items: int, k: int) -> tuple[Lists, NDArray[np.float32]]:
    """Return each user's ``k`` best items outside the history, best first, and their scores.

    Ties are in the order of rows, as on the device. If there are fewer items the list is padded with ``NOTHING``, with
    scores of minus infinity.

    Args:
        score: maps user indices ``[batch]`` to scores ``[batch, n_items]``, which may be overwritten.
        histories: events of each user.
        n_items: size of the catalogue.
        k: length of a list.
    """
    lists = np.full((len(histories), k), PADDING, dtype=np.int32)
    values = np.full((len(histories), k), -np.inf, dtype=np.float32)
    kept = min(k, n_items)
    for start in range(0, len(histories), BATCH_USERS):
        users = np.arange(start, min(start + BATCH_USERS, len(histories)))
        made = torch.as_tensor(score(users))
        exclude_history(made, histories[start : start + BATCH_USERS])
        scores: NDArray[np.float32] = made.cpu().numpy()
        best = _best(scores, kept)
        values[users, :kept] = np.take_along_axis(scores, best, axis=1)
        lists[users, :kept] = np.where(np.isfinite(values[users, :kept]), best, PADDING)
    return lists, values


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the ``k`` best columns of each row, best first; ties in the order of columns."""
    least = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    result = np.empty((len(scores), k), dtype=np.int64)
    for row, (values, bound) in enumerate(zip(scores, least, strict=True)):
        candidates = np.flatnonzero(values >= bound)
        result[row] = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return result


def intra_list_distance(lists: Lists, vectors: Vectors) -> NDArray[np.float64]:
    r"""Return the intra-list distance of each list, ``[U]``; NaN if fewer than two items have a vector.

    .. math::
        ILD_u = \frac{2}{m (m - 1)} \sum_{i < j} \bigl(1 - \cos(v_i, v_j)\bigr)
              = 1 - \frac{\lVert \sum_i v_i \rVert^2 - m}{m (m - 1)}, \qquad \lVert v_i \rVert = 1,

    over the ``m`` items of the list that have a vector. In the range 0 (all equal) to 2.

    Args:
        lists: int32 ``[U, k]``.
        vectors: unit vectors ``[n_items, W]``, zeros for items without one.
    """
    has_vector = (vectors != 0).any(axis=1)
    distance = np.full(len(lists), np.nan)
    for start in range(0, len(lists), BATCH_USERS):
        chunk = lists[start : start + BATCH_USERS]
        valid = (chunk != PADDING) & has_vector[chunk]
        m = valid.sum(axis=1).astype(np.float64)
        summed = (vectors[chunk] * valid[:, :, None]).sum(axis=1, dtype=np.float64)
        square = (summed**2).sum(axis=1)
        enough = m > 1
        distance[start : start + len(chunk)][enough] = (1 - (square - m) / np.maximum(m * (m - 1), 1))[enough]
    return distance


def distinct_labels(lists: Lists, interests: Interests) -> NDArray[np.float64]:
    r"""Return :math:`|\bigcup_{i \in L_u} C_i| / k` of each list, ``[U]``: distinct categories per list position."""
    n_users, k = lists.shape
    user, _ = np.nonzero(lists != PADDING)
    event, label = interests.pairs(lists[lists != PADDING])
    pairs = np.unique(user[event] * interests.n_labels + label)
    distinct: NDArray[np.float64] = np.bincount(pairs // max(1, interests.n_labels), minlength=n_users) / k
    return distinct


def coverage(lists: Lists, n_items: int) -> float:
    r"""Return :math:`|\bigcup_u L_u| / N`: the share of the catalogue that occurs in any list."""
    return float((_exposure(lists, n_items) > 0).mean())


def gini(lists: Lists, n_items: int) -> float:
    r"""Return the Gini coefficient of exposure: 0 if all items are shown equally often, near 1 if only a few are.

    .. math:: G = \frac{\sum_{j=1}^{N} (2j - N - 1) \, x_j}{N \sum_j x_j}

    with :math:`x_1 \le \dots \le x_N` the exposure of each item, including items that are never shown.
    """
    exposure = np.sort(_exposure(lists, n_items)).astype(np.float64)
    total = exposure.sum()
    weights = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float((weights * exposure).sum() / (n_items * total)) if total else 0.0


def list_metrics(lists: Lists, n_items: int, vectors: Vectors, interests: Interests | None) -> dict[str, float]:
    """Return all metrics of lists of ``k`` items by name; undefined ones are left out."""
    k = lists.shape[1]
    result = {f"coverage@{k}": coverage(lists, n_items), f"gini@{k}": gini(lists, n_items)}
    distances = intra_list_distance(lists, vectors)
    if not np.isnan(distances).all():
        result[f"ild@{k}"] = float(np.nanmean(distances))
    if interests is not None:
        result[f"categories@{k}"] = float(distinct_labels(lists, interests).mean())
    return result


def _exposure(lists: Lists, n_items: int) -> NDArray[np.int64]:
    return np.bincount(lists[lists != PADDING], minlength=n_items)
