r"""Cosines of item vectors: what a dislike lowers, and what is alike an item.

.. math::
    c_i = \frac{a \cdot v_i}{|a| \, |v_i|}

with ``v`` the decoded item vectors (SPEC section 4). The cosine with a vector of zeros is 0. Cosines are the same in
the page to the last bit, so that items which nearly tie are in the same order.
"""

import numpy as np

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.products import ItemProducts
from edge_runtime.ranking import Floats, Rows


class Cosines:
    """Cosines with every item of a catalogue; caches tables and lengths from the first call on."""

    def __init__(self, codes: ProductCodes) -> None:
        self._codes = codes
        self._products: ItemProducts | None = None
        self._lengths: Floats | None = None

    def vectors(self, rows: Rows) -> Floats:
        """Return the vectors of some items, ``[len(rows), d]``."""
        return self._codes.decode(rows)

    def of(self, vector: Floats) -> Floats:
        """Return the cosine of each item with ``vector``, float32 ``[n_items]``."""
        if self._products is None or self._lengths is None:
            self._products = ItemProducts(self._codes)
            self._lengths = self._products.lengths()
        exact = vector.astype(np.float64)
        length = float(np.sqrt(exact @ exact))
        if not length:
            return np.zeros_like(self._lengths)
        products = self._products.of(exact / length)
        return np.divide(products, self._lengths, out=np.zeros_like(products), where=self._lengths > 0)
