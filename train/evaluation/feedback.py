"""Simulated feedback: a user names the best of ten recommended items and gets ten others.

The user is simulated, as is usual in the evaluation of critiquing and conversational recommenders: the simulated user
knows the target, the model does not.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.split import Targets
from train.metrics.histories import histories_of, select_targets
from train.metrics.lists import PADDING, Lists, Vectors, model_lists, top_lists
from train.metrics.ranker import Ranker, scorer
from train.metrics.ranking import BATCH_USERS

LIST_LENGTH = 10


def feedback_metrics(model: Ranker, targets: Targets, vectors: Vectors) -> dict[str, float]:
    r"""Return how often the target is in a second list, with feedback on the first list and without.

    The ``n_users`` are those whose first list of ten does not contain the target. They choose the item with the text
    nearest to the target's; the model treats it as the newest event, and items of the first list are not shown again.
    ``recall@10_without`` is that of positions 11 to 20 of the first ranking: ten more items without feedback. ``gain``
    is the difference of both.

    Args:
        model: the model to evaluate.
        targets: test users and their targets.
        vectors: unit vectors of the items' texts, ``[n_items, W]``, zeros for items without text. Users whose target
            has no text are left out.

    Returns:
        The metrics by name; only ``n_users`` if there are no users.
    """
    shown, _ = model_lists(model, targets, 2 * LIST_LENGTH)
    first = shown[:, :LIST_LENGTH]
    without_target = ~(first == targets.rows[:, None]).any(axis=1)
    selected = without_target & (first[:, 0] != PADDING) & (vectors[targets.rows] != 0).any(axis=1)
    if not selected.any():
        return {"n_users": 0.0}
    remaining = select_targets(targets, selected)
    named = nearest_shown(first[selected], remaining.rows, vectors)
    second = _second_lists(model, remaining, first[selected], named)
    without = _share(shown[selected][:, LIST_LENGTH:], remaining.rows)
    after = _share(second, remaining.rows)
    return {
        "n_users": float(len(remaining)),
        "recall@10_without": without,
        "recall@10_after": after,
        "gain": after - without,
    }


def nearest_shown(lists: Lists, targets: NDArray[np.int32], vectors: Vectors) -> NDArray[np.int32]:
    """Return the item of each list ``[U, k]`` with the text nearest to the target's, the first of ties, ``[U]``."""
    closeness = np.empty(lists.shape, dtype=np.float32)
    for start in range(0, len(lists), BATCH_USERS):
        users = slice(start, start + BATCH_USERS)
        closeness[users] = np.einsum("ukw,uw->uk", vectors[lists[users]], vectors[targets[users]])
    position = np.where(lists == PADDING, -np.inf, closeness).argmax(axis=1)
    named: NDArray[np.int32] = np.take_along_axis(lists, position[:, None], axis=1)[:, 0]
    return named


def _second_lists(model: Ranker, targets: Targets, first: Lists, named: NDArray[np.int32]) -> Lists:
    histories = histories_of(targets)
    has_text = [np.append(rows, row) for rows, row in zip(histories, named, strict=True)]
    excluded = [np.concatenate([rows, shown[shown != PADDING]]) for rows, shown in zip(histories, first, strict=True)]
    with torch.inference_mode():
        was_training = model.training
        model.train(False)
        table = model.item_vectors()
        lists, _ = top_lists(scorer(model, table, has_text), excluded, len(table), LIST_LENGTH)
        model.train(was_training)
    return lists


def _share(lists: Lists, targets: NDArray[np.int32]) -> float:
    return float((lists == targets[:, None]).any(axis=1).mean())
