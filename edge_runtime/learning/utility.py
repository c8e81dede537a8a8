r"""Estimates from a user's past events whether the knowledge prompts help this user.

CoCo defines the utility ``M = 1[cos(h_aligned, v_t) > cos(h_RS, v_t)]``, but the target ``v_t`` of the next event is
unknown at inference. The latest known events serve as targets instead:

.. math::
    \hat M = 1\Bigl[\frac1n\sum_{j=1}^{n}\bigl(\cos(h^{with}_j, v_j) - \cos(h^{without}_j, v_j)\bigr) > 0\Bigr]

with ``h_j`` the state after the events before event ``j``, and ``v_j`` the item vector of event ``j``.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MIN_EVENTS: Final = 2
"""Minimum number of target events; a single one is too noisy."""
MAX_EVENTS: Final = 4
"""Number of newest events used as targets; older ones say little about the present."""
_TIE = 1e-6  # differences within float32 rounding count as equal


def knowledge_helps(states_without: Floats, states_with: Floats, vectors: Floats) -> bool:
    """Return whether the states with knowledge have the higher mean cosine with the next items.

    Args:
        states_without: state before each event, without knowledge, ``[n, dim]``.
        states_with: the same with knowledge, ``[n, dim]``.
        vectors: item vector of each event, ``[n, dim]``.

    Returns:
        False also if there is no difference, if there are fewer than ``MIN_EVENTS`` events, or if a value is not
        finite.

    Raises:
        ValueError: the shapes differ.
    """
    if not states_without.shape == states_with.shape == vectors.shape or vectors.ndim != 2:
        raise ValueError(
            f"expected three arrays [events, dim] of one shape, got {states_without.shape}, {states_with.shape} "
            f"and {vectors.shape}"
        )
    if len(vectors) < MIN_EVENTS:
        return False
    gain = (_cosines(states_with, vectors) - _cosines(states_without, vectors)).mean()
    return bool(gain > _TIE)  # False for NaN


def _cosines(states: Floats, vectors: Floats) -> NDArray[np.float64]:
    """Return the cosine of each pair, ``[n]``: 0 if a vector is zero, NaN if a value is not finite."""
    a, b = states.astype(np.float64), vectors.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore"):
        cosines: NDArray[np.float64] = np.einsum("nd,nd->n", a, b) / np.where(lengths == 0, 1.0, lengths)
    return cosines
