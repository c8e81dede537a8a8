"""The k-core of a log: its largest subset in which every user and every item has at least ``k`` events."""

from typing import Any

import numpy as np
import numpy.typing as npt


def k_core(users: npt.NDArray[Any], items: npt.NDArray[Any], k: int) -> npt.NDArray[np.bool_]:
    """Return which events are in the k-core, bool ``[E]``.

    Users and items with fewer than ``k`` events are removed repeatedly until none is left. The result does not depend
    on the order of removal (Seidman, "Network structure and minimum degree", Social Networks 1983).

    Args:
        users: the user of every event, ``[E]``, of any sortable type.
        items: the item of every event, ``[E]``.
        k: minimum number of events; 1 keeps all.

    Raises:
        ValueError: ``k`` is below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    sides = [np.unique(side, return_inverse=True)[1] for side in (users, items)]
    kept = np.ones(len(users), dtype=np.bool_)
    n_before = -1
    while n_before != (n_kept := int(kept.sum())):
        n_before = n_kept
        for side in sides:
            kept &= np.bincount(side[kept], minlength=int(side.max(initial=0)) + 1)[side] >= k
    return kept
