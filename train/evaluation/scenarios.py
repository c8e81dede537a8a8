"""Which test users are in which situation: boolean masks over the targets of a split.

Nothing here looks at a model. Length and density are those of the training events, because they say how much a model
could learn about the user; drift and new behaviour look at everything before the target. A user of whom nothing was
trained has length 0.
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
# Bits of Jensen-Shannon divergence between a history's halves beyond what its own shuffles have.
DRIFT_BEYOND_CHANCE = 0.1
COLD_BELOW = 5

_SHUFFLE_SEED = 0


def scenarios(split: Split, n_items: int, interests: Interests | None) -> Mapping[str, Mask]:
    """Return every mask by name, bool ``[len(split.test)]``.

    Args:
        split: its test targets are the users.
        n_items: size of the catalogue.
        interests: what items are about; without it the masks that need it are left out.
    """
    found = {
        "all": np.ones(len(split.test), dtype=np.bool_),
        "short sparse": short_sparse(split),
        "long dense": long_dense(split),
    }
    if interests is not None:
        found |= {"drift": drifting(split, interests), "new behaviour": new_behaviour(split, interests)}
    return found | {"cold item": cold_target(split, n_items)}


def lengths(split: Split) -> IntArray:
    r"""Return how many training events each test user has, :math:`n_u = |H_u|`, ``[T]``."""
    return split.train.lengths[split.test.users]


def densities(split: Split) -> IntArray:
    r"""Return how many distinct items each test user has in training, ``[T]``.

    .. math:: d_u = |\{i : i \in H_u\}|

    These are the user's non-zero entries of the interaction matrix; they differ from the length where somebody repeats
    an item.
    """
    pairs = np.unique(np.stack([split.train.users(), split.train.rows.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=len(split.train)).astype(np.int64)[split.test.users]


def short_sparse(split: Split) -> Mask:
    """Return who has a short or a sparse history: ``length < 5 or density < 3``."""
    return (lengths(split) < SHORT_BELOW) | (densities(split) < SPARSE_BELOW)


def long_dense(split: Split) -> Mask:
    """Return who has a long and dense history: ``length >= 10 and density >= 8``."""
    return (lengths(split) >= LONG_FROM) & (densities(split) >= DENSE_FROM)


def drifting(split: Split, interests: Interests) -> Mask:
    """Return whose interests differ between the halves of the history by more than the threshold.

    The threshold is ``DRIFT_BEYOND_CHANCE`` bits above the mean divergence of shuffles of that very history; a history
    too short to tell is not drifting.
    """
    histories = [split.test.history(index) for index in range(len(split.test))]
    beyond = drift(histories, interests) - drift_by_chance(histories, interests, seed=_SHUFFLE_SEED)
    drifted: Mask = np.nan_to_num(beyond, nan=-np.inf) > DRIFT_BEYOND_CHANCE
    return drifted


def new_behaviour(split: Split, interests: Interests) -> Mask:
    """Return whose target has labels, none of which occurs in the history."""
    histories = [split.test.history(index) for index in range(len(split.test))]
    return new_to_user(histories, split.test.rows, interests)


def cold_target(split: Split, n_items: int) -> Mask:
    """Return whose target occurs fewer than ``COLD_BELOW`` times in training; never seen counts too."""
    cold: Mask = np.bincount(split.train.rows, minlength=n_items)[split.test.rows] < COLD_BELOW
    return cold
