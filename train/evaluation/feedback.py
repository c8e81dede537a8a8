"""What one round of feedback gains: somebody says which of ten comes nearest, and is shown ten others.

The person is simulated, as in the evaluation of critiquing and conversation: the target is known to them and not to the
model. Nobody asks a real one here.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.split import Targets
from train.metrics.histories import histories_of, only
from train.metrics.lists import NOTHING, Lists, Vectors, model_lists, top_lists
from train.metrics.ranker import Ranker, scorer
from train.metrics.ranking import BATCH_USERS

LIST_LENGTH = 10


def feedback_figures(model: Ranker, targets: Targets, vectors: Vectors) -> dict[str, float]:
    r"""Return how often the target is found in a second list, with feedback on the first one and without.

    Asked are the ``n_users`` whose first list of ten lacks the target. They name the item of it whose text is nearest
    to the target's; the model takes that for their newest event, and nothing of the first list is shown again.
    ``recall@10_without`` is what the places 11 to 20 of the first ranking hold: ten more items as well, but nobody was
    asked. ``gain`` is the difference of both shares.

    Args:
        model: ranks.
        targets: whose lists, and what they want.
        vectors: unit vectors of the items' texts, ``[n_items, W]``, zeros where there is none; those who want an item
            without a text are not asked.

    Returns:
        Figures by name; ``n_users`` alone where nobody is asked.
    """
    shown, _ = model_lists(model, targets, 2 * LIST_LENGTH)
    first = shown[:, :LIST_LENGTH]
    lacking = ~(first == targets.rows[:, None]).any(axis=1)
    asked = lacking & (first[:, 0] != NOTHING) & (vectors[targets.rows] != 0).any(axis=1)
    if not asked.any():
        return {"n_users": 0.0}
    left = only(targets, asked)
    named = nearest_shown(first[asked], left.rows, vectors)
    second = _second_lists(model, left, first[asked], named)
    without = _share(shown[asked][:, LIST_LENGTH:], left.rows)
    after = _share(second, left.rows)
    return {
        "n_users": float(len(left)),
        "recall@10_without": without,
        "recall@10_after": after,
        "gain": after - without,
    }


def nearest_shown(lists: Lists, targets: NDArray[np.int32], vectors: Vectors) -> NDArray[np.int32]:
    """Return the item of each list ``[U, k]`` whose text is nearest to the target's, the first of equals, ``[U]``."""
    closeness = np.empty(lists.shape, dtype=np.float32)
    for start in range(0, len(lists), BATCH_USERS):
        users = slice(start, start + BATCH_USERS)
        closeness[users] = np.einsum("ukw,uw->uk", vectors[lists[users]], vectors[targets[users]])
    place = np.where(lists == NOTHING, -np.inf, closeness).argmax(axis=1)
    named: NDArray[np.int32] = np.take_along_axis(lists, place[:, None], axis=1)[:, 0]
    return named


def _second_lists(model: Ranker, targets: Targets, first: Lists, named: NDArray[np.int32]) -> Lists:
    histories = histories_of(targets)
    told = [np.append(rows, row) for rows, row in zip(histories, named, strict=True)]
    had = [np.concatenate([rows, shown[shown != NOTHING]]) for rows, shown in zip(histories, first, strict=True)]
    with torch.inference_mode():
        was_training = model.training
        model.train(False)
        table = model.item_vectors()
        lists, _ = top_lists(scorer(model, table, told), had, len(table), LIST_LENGTH)
        model.train(was_training)
    return lists


def _share(lists: Lists, targets: NDArray[np.int32]) -> float:
    return float((lists == targets[:, None]).any(axis=1).mean())
