r"""Scores items by which items follow those of the history, and by their similarity to it (SPEC section 10).

.. math::
    w_i = \sum_{k: h_k = i} \gamma^{k}, \qquad p = w T + b \, w T^2, \qquad q = \sum_i w_i \frac{x_i}{|x_i|}, \qquad
    t_j = \log\!\Big(1 + \frac{p_j}{\epsilon}\Big) + \lambda \cos(q, x_j)

with ``h_k`` the ``k``-th newest event, ``T`` the transition probabilities and ``x`` the item vectors. It needs no
encoder, so it is what recommends if no engine is usable. ``train/transitions`` has the same formula for training.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.bundle.transitions import Transitions, sums_by_row
from edge_runtime.products import ItemProducts
from edge_runtime.ranking import Floats, Rows, score_all

FACTOR: Final = 1.0
"""What the scores of transitions are multiplied with, if a device has learned nothing else."""
MIN_LENGTH: Final = 1e-6
"""A vector shorter than this has no direction: its cosines are 0."""


class TransitionScores:
    """Scores all items for a history.

    Args:
        transitions: the followers of each item, and the settings.
        codes: the vectors that are compared: those of ``similarity.safetensors``, or else the item embeddings.

    Attributes:
        compared: ``codes``.
    """

    name: Final = "transitions"
    precision: Final = "uint4"

    def __init__(self, transitions: Transitions, codes: ProductCodes) -> None:
        self._transitions = transitions
        self._settings = transitions.settings
        self.compared = codes
        self._n_items = len(codes.tier_of)
        self._similarity = _Similarity.of(codes) if self._settings.similarity > 0 else None

    @property
    def table(self) -> Transitions:
        """The followers of each item."""
        return self._transitions

    def scores(self, sequence: Rows) -> Floats:
        """Return the weighted score of every item, finite float32 ``[N]``.

        Args:
            sequence: rows of the history, oldest first, not empty.
        """
        settings = self._settings
        newest = sequence[::-1][: settings.newest]
        weights = sums_by_row(newest, np.float64(settings.recency) ** np.arange(len(newest)), self._n_items)
        total = np.zeros(self._n_items) if self._similarity is None else self._similarity.to(weights)
        total *= settings.similarity
        reached = self._transitions.step(weights)
        if settings.second_hop > 0:
            reached += settings.second_hop * self._transitions.step(reached)
        rows = np.flatnonzero(reached != 0)
        total[rows] += np.log1p(reached[rows] / settings.smoothing)
        scores: Floats = (settings.weight * total).astype(np.float32)
        return scores


def combined_scores(
    codes: ProductCodes,
    state: Floats | None,
    transitions: TransitionScores | None,
    sequence: Rows,
    factor: float = FACTOR,
) -> Floats | None:
    """Return the score of every item by all that is there, ``[N]``; None if there is neither state nor transitions.

    Args:
        codes: the item codes.
        state: the state ``[d]`` after the history; None without a usable engine.
        transitions: the transitions; None for a bundle without.
        sequence: rows of the history, oldest first, not empty.
        factor: what the scores of transitions are multiplied with, if there is a state.
    """
    if state is None:
        return None if transitions is None else transitions.scores(sequence)
    scores = score_all(codes, state)
    if transitions is not None:
        following = transitions.scores(sequence)
        scores += following if factor == FACTOR else np.float32(factor) * following
    return scores


@dataclass(frozen=True, slots=True, eq=False)
class _Similarity:
    """The vectors that are compared, with one divided by their lengths, and 0 for those without direction, ``[N]``."""

    codes: ProductCodes
    products: ItemProducts
    inverse_lengths: Floats

    @classmethod
    def of(cls, codes: ProductCodes) -> Self:
        products = ItemProducts(codes)
        lengths = products.lengths()
        return cls(codes, products, np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths >= MIN_LENGTH))

    def to(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cosine of each item with the weighted sum of the unit vectors of some items, ``[N]``."""
        rows = np.flatnonzero(weights != 0)
        centre = (weights[rows] * self.inverse_lengths[rows]) @ self.codes.decode(rows).astype(np.float64)
        length = np.linalg.norm(centre)
        if length < MIN_LENGTH:
            return np.zeros(len(weights))
        return (self.products.of(centre / length) * self.inverse_lengths).astype(np.float64)
