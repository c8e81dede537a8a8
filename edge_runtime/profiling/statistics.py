"""The statistics of a profile: percentiles of enough samples, paired ratios with intervals, and how sure a median is.

The page has the same rules in ``web_demo/src/runtime/profile/statistics.ts``; ``tests/golden/profile.json`` tests both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_RUNS: Final[Mapping[float, int]] = {0.5: 11, 0.9: 64, 0.95: 130, 0.99: 662}
"""Runs that a percentile needs: early stopping of MLPerf LoadGen with one value discarded, at 99 % confidence."""

CONFIDENCE: Final = 0.99
"""Of the intervals of ratios: of twenty intervals, at most one may miss the truth, and 95 % would let three do so."""

RESAMPLES: Final = 1000
_CHUNK: Final = 100  # resamples at a time, to bound the memory

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A median with its bootstrap interval at :data:`CONFIDENCE`."""

    median: float
    low: float
    high: float


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile by the nearest rank; None if there are too few values for it.

    Args:
        values: the samples.
        share: a key of :data:`MIN_RUNS`.
    """
    if len(values) < MIN_RUNS[share]:
        return None
    return sorted(values)[math.ceil(share * len(values)) - 1]


def median(values: Sequence[float]) -> float:
    """Return the median; of an even number of values, the mean of the two in the middle.

    Raises:
        ValueError: there is no value.
    """
    if not len(values):
        raise ValueError("found no value, expected at least one")
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def ratio_interval(rounds: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """Return the median of paired ratios, with an interval that counts the spread between rounds, too.

    A round has its own copies of both variants in memory, and where they lie there makes one of them faster by some
    per cent. So rounds are drawn with replacement first, then the pairs of each drawn round.

    Args:
        rounds: the ratios of each round; all rounds have the same number.
        seed: of the bootstrap.

    Raises:
        ValueError: there are no ratios, or rounds of different lengths.
    """
    if not rounds or not rounds[0] or len({len(one) for one in rounds}) > 1:
        raise ValueError(f"found rounds of {sorted({len(one) for one in rounds})} ratios, expected one length above 0")
    ratios = np.array(rounds, dtype=np.float64)
    parts = [_medians(ratios, start, seed) for start in range(0, RESAMPLES, _CHUNK)]
    medians = np.sort(np.concatenate(parts))
    cut = math.floor(RESAMPLES * (1 - CONFIDENCE) / 2 + 1e-9)
    return Interval(median(ratios.ravel().tolist()), float(medians[cut]), float(medians[-1 - cut]))


def round_levels(times: Sequence[Sequence[float]]) -> list[float]:
    """Return the level of each round: the median of its times, each divided by the median over all rounds.

    Long histories take longer; what remains is how the same work varied from round to round.

    Args:
        times: of each round, the same work in the same order.
    """
    usual = [median(one) for one in zip(*times, strict=True)]
    return [median([time / middle for time, middle in zip(one, usual, strict=True)]) for one in times]


def uncertainty(levels: Sequence[float]) -> float:
    """Return by which share the median of the levels may be wrong, up or down, at :data:`CONFIDENCE`.

    A single disturbed round hardly moves it; a part of the run that was slower than the rest does.

    Args:
        levels: of rounds, positive.
    """
    found = ratio_interval([[one] for one in levels])
    return max(found.high / found.median, found.median / found.low) - 1


def drift(values: Sequence[float]) -> float:
    """Return by which share the median level of the second half exceeds that of the first; negative if below."""
    half = len(values) // 2
    return median(values[half:]) / median(values[:half]) - 1


def _medians(ratios: Floats, start: int, seed: int) -> Floats:
    """Return the medians of the resamples from ``start`` on."""
    n_rounds, n_pairs = ratios.shape
    resamples = np.arange(start, min(start + _CHUNK, RESAMPLES), dtype=np.int64)
    draws = resamples[:, None] * n_rounds + np.arange(n_rounds)  # [resamples, rounds]
    chosen = _drawn(draws, n_rounds, seed)
    pairs = _drawn(RESAMPLES * n_rounds + draws[:, :, None] * n_pairs + np.arange(n_pairs), n_pairs, seed)
    medians: Floats = np.median(ratios[chosen[:, :, None], pairs].reshape(len(resamples), -1), axis=1)
    return medians


def _drawn(counters: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Return a number below ``n`` for each counter: a hash of counter and seed, the same in every language.

    The hash is ``lowbias32`` of Chris Wellons' hash prospector.
    """
    x = (counters + seed * 0x9E3779B9).astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return (x.astype(np.float64) / 2**32 * n).astype(np.int64)
