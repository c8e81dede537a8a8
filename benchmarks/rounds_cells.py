"""Transitions that devices learn together: each adds its newest ones to some cells, and noise to all of them.

A device's vector has one sketch (count sketch; Charikar, Chen and Farach-Colton 2002) of fixed size, to which each of
its newest pairs of items adds 1 or -1 in one cell. Its L2 norm is bounded like that of any update, so that the same
accountant holds: sensitivity is twice the bound.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.rounds_simulator import Bench, Floats, Gains, Rows, Tried
from edge_runtime.rounds.accountant import sigma_for
from edge_runtime.rounds.noise import discrete_gaussian
from edge_runtime.rounds.update import clipped

CELLS: Final = 1 << 14
"""Cells of a sketch: 32 KB in integers of 16 bits."""
PAIRS: Final = 8
"""Newest transitions that a device adds."""
UNITS: Final = 1 << 10
"""Integers per transition, in which noise is drawn."""
WEIGHTS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Weights of what was learned together, of which the operator's own people choose one."""
_PRIMES: Final = (2_654_435_761, 40_503, 2_246_822_519)


def cells_of(first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """Return the cell and the sign, 1 or -1, of each pair of items."""
    mixed = (first.astype(np.uint64) * np.uint64(_PRIMES[0]) + second.astype(np.uint64)) * np.uint64(_PRIMES[2])
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(_PRIMES[0])
    sign = 1 - 2 * ((mixed >> np.uint64(40)) & np.uint64(1)).astype(np.int64)
    return ((mixed >> np.uint64(17)) % np.uint64(CELLS)).astype(np.int64), sign


def sketch_of(rows: Rows) -> NDArray[np.float64]:
    """Return what a device adds, ``[CELLS]``, with an L2 norm of at most ``sqrt(PAIRS)``."""
    newest = rows[-PAIRS - 1 :]
    sketch = np.zeros(CELLS)
    cells, signs = cells_of(newest[:-1], newest[1:])
    np.add.at(sketch, cells, signs.astype(np.float64))
    return clipped(sketch, math.sqrt(PAIRS))


def noisy_sum(sketches: Sequence[NDArray[np.float64]], sigma: float) -> NDArray[np.float64]:
    """Return the sum with noise of ``sigma``, drawn once for all devices together, whose noise adds up to the same."""
    total: NDArray[np.float64] = np.sum(sketches, axis=0)
    if sigma > 0.0:
        total = total + discrete_gaussian(math.ceil((Fraction(sigma) * UNITS) ** 2), CELLS) / UNITS
    return total


def sigma_of(epsilon: float, delta: float) -> float:
    """Return the noise with which a sum of sketches is private for readers, or one sketch for the operator."""
    return 0.0 if math.isinf(epsilon) else sigma_for(epsilon, delta, 2.0 * math.sqrt(PAIRS))


def added(tried: Tried, total: NDArray[np.float64], n_items: int) -> Floats:
    """Return ``log(1 + count)`` of each item after the newest one, by the sketch, ``[n, N]``; counts below 1 are 0."""
    items = np.arange(n_items)
    pairs = [cells_of(np.full(n_items, newest), items) for newest in tried.newest.tolist()]
    counts = np.stack([total[cells] * signs for cells, signs in pairs])
    result: Floats = np.log1p(np.where(counts >= 1.0, counts, 0.0)).astype(np.float32)
    return result


def gains_with(
    bench: Bench, people: Sequence[Tried], total: NDArray[np.float64], weight: float, scores: Sequence[Floats]
) -> Gains:
    """Return what the sketch changes for each person, beside the scores of the bundle."""
    return np.array(
        [
            bench.changes(person, before, before + np.float32(weight) * added(person, total, len(bench.vectors)))
            for person, before in zip(people, scores, strict=True)
        ]
    )
