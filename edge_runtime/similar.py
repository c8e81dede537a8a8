r"""Cosines of item vectors: what a dislike lowers, and what is alike an item.

.. math::
    c_i = \frac{a \cdot v_i}{|a| \, |v_i|}

with ``v`` the decoded item vectors (SPEC section 4). The cosine with a vector of zeros is 0.
"""

import numpy as np

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.ranking import Floats, Rows, item_norms, score_all


class Cosines:
    """Cosines with every item of a catalogue; caches the item norms from the first call on."""

    def __init__(self, codes: ProductCodes) -> None:
        self._codes = codes
        self._norms: Floats | None = None

    def vectors(self, rows: Rows) -> Floats:
        """Return the vectors of some items, ``[len(rows), d]``."""
        return self._codes.decode(rows)

    def of(self, vector: Floats) -> Floats:
        """Return the cosine of each item with ``vector``, float32 ``[n_items]``."""
        if self._norms is None:
            self._norms = item_norms(self._codes)
        length = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
        if not length:
            return np.zeros_like(self._norms)
        products = score_all(self._codes, (vector / length).astype(np.float32))
        return np.divide(products, self._norms, out=np.zeros_like(products), where=self._norms > 0)
