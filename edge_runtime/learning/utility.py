r"""Whether knowledge helps one person, estimated on that person's own past. Knows no models and no bundles.

After the description of CoCo, whose utility is ``M = 1[cos(h_aligned, v_t) > cos(h_RS, v_t)]``: the target ``v_t`` of
the list that is to be shown is what nobody knows. The person's last events are known, each of them was a target once:

.. math::
    \hat M = 1\Bigl[\frac1n\sum_{j=1}^{n}\bigl(\cos(h^{with}_j, v_j) - \cos(h^{without}_j, v_j)\bigr) > 0\Bigr]

with ``h_j`` the state after what came before event ``j``, and ``v_j`` that event's item vector.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FEWEST_EVENTS: Final = 2
"""One event that fits better is a coin's toss."""
MOST_EVENTS: Final = 4
"""Of the newest events so many are asked: what helped long ago says little of now."""
_TIE = 1e-6  # float32 states that differ by rounding only are equal


def knowledge_helps(states_without: Floats, states_with: Floats, vectors: Floats) -> bool:
    """Return whether the states with knowledge point more to what came next than those without.

    Args:
        states_without: before each of the events, ``[n, dim]``.
        states_with: the same with knowledge, ``[n, dim]``.
        vectors: the item vector of each event, ``[n, dim]``.

    Returns:
        False where it makes no difference, where fewer than ``FEWEST_EVENTS`` are given, and where a number is not
        finite.

    Raises:
        ValueError: the shapes differ.
    """
    if not states_without.shape == states_with.shape == vectors.shape or vectors.ndim != 2:
        raise ValueError(
            f"expected three arrays [events, dim] of one shape, got {states_without.shape}, {states_with.shape} "
            f"and {vectors.shape}"
        )
    if len(vectors) < FEWEST_EVENTS:
        return False
    gain = (_cosines(states_with, vectors) - _cosines(states_without, vectors)).mean()
    return bool(gain > _TIE)  # NaN is not


def _cosines(states: Floats, vectors: Floats) -> NDArray[np.float64]:
    """Return the cosine of each pair, ``[n]``; 0 where one has no direction, NaN where one is not finite."""
    a, b = states.astype(np.float64), vectors.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore"):
        cosines: NDArray[np.float64] = np.einsum("nd,nd->n", a, b) / np.where(lengths == 0, 1.0, lengths)
    return cosines
