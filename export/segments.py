"""The segments by which a bundle is verified: boolean masks over the test users.

A loss that spares popular items and long histories disappears in the mean over all users. History lengths are those
that the device sees. Cold users have a ranking of their own, because most logs hold no user with two events:
their histories are cut.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export.users import TestUsers
from train.data.sequences import RowArray
from train.evaluation.scenarios import COLD_BELOW, LONG_FROM, SHORT_BELOW

Mask = NDArray[np.bool_]

ALL: Final = "all users"
TAIL: Final = "tail items"
NEW: Final = "new items"
COLD_USERS: Final = "cold users"
COLD_USER_EVENTS: Final = 2
MAX_COLD_USERS: Final = 5_000

# The head is the smallest set of popular items with this share of the training events.
HEAD_SHARE: Final = 0.5

DEFINITIONS: Final[Mapping[str, str]] = {
    ALL: "all test users",
    "short histories": f"fewer than {SHORT_BELOW} events",
    "medium histories": f"{SHORT_BELOW} to {LONG_FROM - 1} events",
    "long histories": f"at least {LONG_FROM} events",
    "head items": "the true item is among the most popular ones, which have half of the training events",
    "middle items": "the true item is neither of the head nor of the tail",
    TAIL: f"the true item has 1 to {COLD_BELOW - 1} training events and is not of the head",
    NEW: "the true item has no training event",
    COLD_USERS: f"up to {MAX_COLD_USERS:,} users with the history cut to the newest {COLD_USER_EVENTS} events",
}


def segments(users: TestUsers, training_rows: RowArray, n_items: int) -> dict[str, Mask]:
    """Return the mask of each segment that has users, bool ``[n]``, in the order of :data:`DEFINITIONS`.

    Args:
        users: the test users.
        training_rows: items of all training events.
        n_items: size of the catalogue.
    """
    lengths = np.array([len(history) for history in users.histories])
    counts = np.bincount(training_rows, minlength=n_items)
    n_events, head = counts[users.targets], head_items(counts)[users.targets]
    masks: dict[str, Mask] = {
        ALL: np.ones(len(users), dtype=np.bool_),
        "short histories": lengths < SHORT_BELOW,
        "medium histories": (lengths >= SHORT_BELOW) & (lengths < LONG_FROM),
        "long histories": lengths >= LONG_FROM,
        "head items": head,
        "middle items": ~head & (n_events >= COLD_BELOW),
        TAIL: ~head & (n_events > 0) & (n_events < COLD_BELOW),
        NEW: n_events == 0,
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def head_items(counts: NDArray[np.int64]) -> Mask:
    """Return a mask of the most popular items that together have half of the events, bool ``[n_items]``.

    Items with as many events as the last one of them belong to it, so that the order of the catalogue has no effect.
    """
    ordered = np.sort(counts)[::-1]
    if not ordered[0]:
        return np.zeros(len(counts), dtype=np.bool_)
    last = int(np.searchsorted(np.cumsum(ordered), HEAD_SHARE * ordered.sum()))
    head: Mask = counts >= ordered[last]
    return head
