"""Scenarios: boolean masks that select test users of a split, independent of the model.

Length and density are those of the training events, because they determine how much a model could learn about the user;
drift and new behaviour use all events before the target. A user without training events has length 0.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from train.data.sequences import IntArray
from train.data.split import Split
from train.metrics.interests import Interests, drift, drift_by_chance, new_to_user

Mask = NDArray[np.bool_]

SHORT_BELOW, SPARSE_BELOW = 5, 3
LONG_FROM, DENSE_FROM = 10, 8
# Jensen-Shannon divergence between a history's halves, in bits, beyond that of its shuffles.
DRIFT_BEYOND_CHANCE = 0.1
COLD_BELOW = 5

_SHUFFLE_SEED = 0


def scenarios(split: Split, n_items: int, interests: Interests | None) -> Mapping[str, Mask]:
    """Return all masks by name, bool ``[len(split.test)]``.

    Args:
        split: the split; its test targets define the users.
        n_items: size of the catalogue.
        interests: labels of the items; without them the masks that need them are left out.
    """
    masks = {
        "all": np.ones(len(split.test), dtype=np.bool_),
        "short sparse": short_sparse(split),
        "long dense": long_dense(split),
    }
    if interests is not None:
        masks |= {"drift": drifting(split, interests), "new behaviour": new_behaviour(split, interests)}
    return masks | {"cold item": cold_target(split, n_items)}


def lengths(split: Split) -> IntArray:
    r"""Return the number of training events of each test user, :math:`n_u = |H_u|`, ``[T]``."""
    return split.train.lengths[split.test.users]


def densities(split: Split) -> IntArray:
    r"""Return the number of distinct training items of each test user, ``[T]``.

    .. math:: d_u = |\{i : i \in H_u\}|

    These are the user's non-zero entries of the interaction matrix; they differ from the length if items repeat.
    """
    pairs = np.unique(np.stack([split.train.users(), split.train.rows.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=len(split.train)).astype(np.int64)[split.test.users]


def short_sparse(split: Split) -> Mask:
    """Select users with a short or sparse history: ``length < 5 or density < 3``."""
    return (lengths(split) < SHORT_BELOW) | (densities(split) < SPARSE_BELOW)


def long_dense(split: Split) -> Mask:
    """Select users with a long and dense history: ``length >= 10 and density >= 8``."""
    return (lengths(split) >= LONG_FROM) & (densities(split) >= DENSE_FROM)


def drifting(split: Split, interests: Interests) -> Mask:
    """Select users whose interests differ between the halves of the history by more than the threshold.

    The threshold is ``DRIFT_BEYOND_CHANCE`` bits above the mean divergence of shuffles of the same history. Histories
    that are too short are not selected.
    """
    histories = [split.test.history(index) for index in range(len(split.test))]
    beyond = drift(histories, interests) - drift_by_chance(histories, interests, seed=_SHUFFLE_SEED)
    drifted: Mask = np.nan_to_num(beyond, nan=-np.inf) > DRIFT_BEYOND_CHANCE
    return drifted


def new_behaviour(split: Split, interests: Interests) -> Mask:
    """Select users whose target has labels, none of which occurs in the history."""
    histories = [split.test.history(index) for index in range(len(split.test))]
    return new_to_user(histories, split.test.rows, interests)


def cold_target(split: Split, n_items: int) -> Mask:
    """Select users whose target occurs fewer than ``COLD_BELOW`` times in training, including never."""
    cold: Mask = np.bincount(split.train.rows, minlength=n_items)[split.test.rows] < COLD_BELOW
    return cold
