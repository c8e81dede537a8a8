r"""One training step of the adapter: the loss of a batch, and its gradient, in closed form (SPEC section 15).

The adapter is the last thing that changes a state, and only ``B`` is trained. So a step takes the states ``s`` that the
encoder gives with ``B = 0``, which any engine has computed once, and needs no encoder:

.. math::
    Z &= S A, \qquad L = (S + Z B) V^T + \theta F + O, \qquad P = \mathrm{softmax}(L) \\
    G_{ij} &= \frac{w_i}{\sum w} (P_{ij} - [j = y_i]), \qquad
    \frac{\partial}{\partial B} = Z^T G V, \qquad \frac{\partial}{\partial \theta} = \sum_{ij} G_{ij} F_{ij}

with the candidates' vectors ``V``, what transitions add to their scores ``F``, and ``theta`` the factor of that. It is
computed in the arithmetic of :mod:`edge_runtime.learning.exact`, so the page's twin gets the same bytes.
``adapter_step.onnx`` beside it has the same function in float32, for apps in other languages.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.learning.exact import Doubles, exact_product, exact_sum, softmax

GRAPH: Final = Path(__file__).with_name("adapter_step.onnx")
"""The same function as an ONNX graph in float32; ``export/adapter_step.py`` has its text."""
EXCLUDED: Final = -1e9
"""Offset of a candidate that does not count for an example."""

_Numbers = NDArray[np.float32] | Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """``n`` examples with ``m`` candidates that they share; float32 or float64.

    Args:
        states: the state before each example's event, with ``B = 0``, ``[n, d]``.
        vectors: the candidates' vectors, ``[m, d]``.
        following: what transitions add to each score, ``[n, m]``; zeros without.
        offsets: 0, or :data:`EXCLUDED` for a candidate that does not count for an example, ``[n, m]``.
        chosen: index of each example's own candidate, ``[n]``.
        weights: of the examples, not negative and not all 0, ``[n]``; 0 for padding.

    Raises:
        ValueError: shapes differ, ``chosen`` or ``weights`` are out of range, or a score is not finite.
    """

    states: _Numbers
    vectors: _Numbers
    following: _Numbers
    offsets: _Numbers
    chosen: NDArray[np.int64]
    weights: _Numbers

    def __post_init__(self) -> None:
        (n, dim), m = self.states.shape, len(self.vectors)
        for name, array, shape in (
            ("vectors", self.vectors, (m, dim)),
            ("following", self.following, (n, m)),
            ("offsets", self.offsets, (n, m)),
            ("chosen", self.chosen, (n,)),
            ("weights", self.weights, (n,)),
        ):
            if array.shape != shape:
                raise ValueError(f"expected {name} {list(shape)} beside states {[n, dim]}, got {list(array.shape)}")
        if n == 0 or self.chosen.min() < 0 or self.chosen.max() >= m:
            raise ValueError(f"expected examples, and chosen candidates from 0 to {m - 1}, got {self.chosen}")
        if not (self.weights >= 0).all() or not self.weights.any():
            raise ValueError(f"expected weights from 0, one of them above, got {self.weights}")
        if not np.isfinite(self.following).all() or not np.isfinite(self.offsets).all():
            raise ValueError("expected finite numbers in following and offsets")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a step computes, in float64.

    Args:
        loss: weighted mean of the examples' cross-entropies, in nats.
        grad_b: its gradient by ``B``, ``[r, d]``.
        grad_factor: its derivative by the factor of transitions.
    """

    loss: float
    grad_b: Doubles
    grad_factor: float


def adapter_step(batch: Batch, a: _Numbers, b: _Numbers, factor: float = 1.0) -> Step:
    """Return loss and gradients of a batch.

    Args:
        batch: the examples.
        a: the frozen half of the adapter, ``[d, r]``.
        b: the trained half, ``[r, d]``.
        factor: of what transitions add; 1 as in the bundle.

    Raises:
        ValueError: a number is not finite or too large, or the shapes do not fit.
    """
    if not math.isfinite(factor):
        raise ValueError(f"expected a finite factor of transitions, got {factor}")
    states, vectors, following = (_double(array) for array in (batch.states, batch.vectors, batch.following))
    reduced = exact_product(states, _double(a))
    adapted = states + exact_product(reduced, _double(b))
    scores = (exact_product(adapted, vectors.T) + factor * following) + _double(batch.offsets)
    probabilities, log_sums = softmax(scores)
    rows, weights = np.arange(len(states)), _double(batch.weights)
    total = exact_sum(weights)
    loss = exact_sum(weights * (log_sums - scores[rows, batch.chosen])) / total
    probabilities[rows, batch.chosen] -= 1.0
    slope = (weights / total)[:, None] * probabilities
    return Step(loss, exact_product(reduced.T, exact_product(slope, vectors)), exact_sum(slope * following))


def _double(array: _Numbers) -> Doubles:
    return array.astype(np.float64, copy=False)
