"""Whether one of two rankings of the same users is better."""

import numpy as np
from numpy.typing import NDArray

Gains = NDArray[np.float64]
"""A metric of each user, ``[n]``."""


def is_better(gains: Gains, best: Gains) -> bool:
    """Return whether the mean difference exceeds its standard error."""
    difference = gains - best
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf
    return bool(difference.mean() > error)
