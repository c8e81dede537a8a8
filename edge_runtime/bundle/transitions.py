"""The transitions of a bundle: which items follow which, with quantized weights (SPEC section 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.manifest import MAX_FOLLOWERS, Manifest, TransitionSettings
from edge_runtime.errors import BundleError

N_LEVELS: Final = 16
"""Number of levels of a weight: two fit one byte."""

_FILE = "transitions.safetensors"
_BLOCK = 1 << 16
"""Items summed at a time: a weight takes eight bytes, and a large catalogue has millions of entries."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """The followers of each item; those of item ``i`` are the entries ``offsets[i]`` to ``offsets[i + 1]``.

    The arrays of the entries stay narrow, because a large catalogue has millions of them.

    Attributes:
        settings: the settings of the manifest.
        offsets: int64 ``[N + 1]``.
        followers: catalogue rows, int32 ``[E]``, strictly ascending within an item.
        levels: uint8 ``[E]``; an entry has the weight ``ratio ** level`` relative to others of the item.
        totals: sum of the weights of each item's entries, float64 ``[N]``; 1 for an item without followers.
    """

    settings: TransitionSettings
    offsets: Rows
    followers: NDArray[np.int32]
    levels: NDArray[np.uint8]
    totals: NDArray[np.float64]

    @property
    def weight_of_level(self) -> NDArray[np.float64]:
        """Relative weight of each level, ``[N_LEVELS]``."""
        return _weight_of_level(self.settings.ratio)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Weight of each entry, ``[E]``; those of an item sum to 1."""
        weights: NDArray[np.float64] = self.weight_of_level[self.levels]
        return weights / np.repeat(self.totals, np.diff(self.offsets))

    def step(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what one step reaches from non-negative ``weights``, both ``[N]``: ``weights T``."""
        rows = np.flatnonzero(weights != 0)  # of booleans, which takes a third of the time
        starts, counts = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        entries = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        passed = np.repeat(weights[rows] / self.totals[rows], counts) * self.weight_of_level[self.levels[entries]]
        return sums_by_row(self.followers[entries], passed, len(weights))


def read_transitions(arrays: Mapping[str, Array], manifest: Manifest) -> Transitions:
    """Return the transitions, checked against the manifest.

    Raises:
        BundleError: the manifest has no transitions, or the arrays violate SPEC section 10.
    """
    if manifest.transitions is None:
        raise BundleError(f"{_FILE}: the manifest has no transitions")
    return unpack_transitions(arrays, manifest.transitions, manifest.catalogue.n_items)


def unpack_transitions(arrays: Mapping[str, Array], settings: TransitionSettings, n_items: int) -> Transitions:
    """Return the transitions of a catalogue of ``n_items``, checked against ``settings``.

    Raises:
        BundleError: the arrays violate SPEC section 10.
    """
    n_entries = settings.n_entries
    count = take(arrays, "count", "uint8", (n_items,), _FILE)
    follower = take(arrays, "follower", "uint8", (n_entries, follower_bytes(n_items)), _FILE)
    level = take(arrays, "level", "uint8", ((n_entries + 1) // 2,), _FILE)
    offsets = np.concatenate([[0], np.cumsum(count, dtype=np.int64)])
    if int(offsets[-1]) != n_entries:
        raise BundleError(f"{_FILE}: the counts sum to {offsets[-1]}, expected {n_entries} from the manifest")
    if n_entries % 2 and int(level[-1]) >> 4:
        raise BundleError(f"{_FILE}: the spare four bits behind the last level are not 0")
    followers = _unpack_rows(follower)
    _check_followers(offsets, followers, n_items)
    levels = np.stack([level & 15, level >> 4], axis=1).reshape(-1)[:n_entries]
    return Transitions(settings, offsets, followers, levels, _totals(offsets, levels, settings.ratio))


def dump_transitions(
    offsets: NDArray[np.integer[Any]], followers: NDArray[np.integer[Any]], levels: NDArray[np.uint8], n_items: int
) -> dict[str, Array]:
    """Return the arrays of ``transitions.safetensors``.

    Args:
        offsets: as in :class:`Transitions`.
        followers: rows ``[E]``, strictly ascending within an item.
        levels: level of each entry ``[E]``, from :func:`levels_of`.
        n_items: size of the catalogue.

    Raises:
        ValueError: the arrays do not fit each other, an item has more than 255 followers, or a level exceeds 15.
        BundleError: the followers violate SPEC section 10.
    """
    counts = np.diff(offsets)
    if len(counts) != n_items or offsets[0] != 0 or not len(followers) == len(levels) == offsets[-1]:
        raise ValueError(
            f"found offsets of {len(counts)} items from {offsets[0]} to {offsets[-1]}, {len(followers)} followers and "
            f"{len(levels)} levels, expected {n_items} items, and offsets from 0 to the number of both"
        )
    if counts.min(initial=0) < 0 or counts.max(initial=0) > MAX_FOLLOWERS:
        raise ValueError(f"found an item with {counts.max(initial=0)} followers, expected 0 to {MAX_FOLLOWERS}")
    if levels.max(initial=0) >= N_LEVELS:
        raise ValueError(f"found the level {levels.max()}, expected at most {N_LEVELS - 1}")
    _check_followers(offsets, followers, n_items)
    padded = np.append(levels, np.zeros(len(levels) % 2)).astype(np.uint8).reshape(-1, 2)
    wide = followers.astype("<u4").view(np.uint8).reshape(-1, 4)
    return {
        "count": counts.astype(np.uint8),
        "follower": wide[:, : follower_bytes(n_items)],
        "level": padded[:, 0] | padded[:, 1] << 4,
    }


def levels_of(offsets: NDArray[np.integer[Any]], weights: NDArray[np.floating[Any]], ratio: float) -> NDArray[np.uint8]:
    """Return the nearest level of each weight relative to the largest of its item, on a logarithmic scale, ``[E]``.

    Args:
        offsets: as in :class:`Transitions`.
        weights: positive ``[E]``.
        ratio: weight of a level relative to the one before, in (0, 1).

    Raises:
        ValueError: a weight is not positive, or ``ratio`` is not in (0, 1).
    """
    if not 0.0 < ratio < 1.0:
        raise ValueError(f"ratio must be in (0, 1), got {ratio}")
    if not (weights > 0.0).all() or not np.isfinite(weights).all():
        raise ValueError("found a weight that is not positive and finite")
    counts = np.diff(offsets)
    largest = np.ones(len(counts))
    filled = counts > 0
    if filled.any():
        largest[filled] = np.maximum.reduceat(weights.astype(np.float64), offsets[:-1][filled])
    exact = np.log(weights / np.repeat(largest, counts)) / np.log(ratio)
    levels: NDArray[np.uint8] = np.clip(np.rint(exact), 0, N_LEVELS - 1).astype(np.uint8)
    return levels


def follower_bytes(n_items: int) -> int:
    """Return the number of bytes of a follower: the fewest that hold each row of the catalogue."""
    return next(width for width in (1, 2, 3) if n_items <= 1 << 8 * width)


def sums_by_row(rows: NDArray[np.integer[Any]], values: NDArray[np.float64], n_items: int) -> NDArray[np.float64]:
    """Return the sum of the values of each row, ``[n_items]``, added in their order."""
    return np.asarray(np.bincount(rows, values, minlength=n_items), dtype=np.float64)


def _unpack_rows(packed: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return little-endian rows ``[E, b]`` as integers ``[E]``."""
    rows = np.zeros(len(packed), dtype=np.int32)
    for index in range(packed.shape[1]):
        rows |= packed[:, index].astype(np.int32) << 8 * index
    return rows


def _check_followers(offsets: NDArray[np.integer[Any]], followers: NDArray[np.integer[Any]], n_items: int) -> None:
    """Check the followers of all items.

    Raises:
        BundleError: a follower is outside the catalogue, is the item itself, or is not above the one before.
    """
    if not len(followers):
        return
    if int(followers.min()) < 0 or int(followers.max()) >= n_items:
        raise BundleError(f"{_FILE}: a follower is outside the catalogue of {n_items} items")
    items = np.repeat(np.arange(n_items, dtype=np.int32), np.diff(offsets))
    if (followers == items).any():
        raise BundleError(f"{_FILE}: an item follows itself")
    if not ((followers[1:] > followers[:-1]) | (items[1:] != items[:-1])).all():
        raise BundleError(f"{_FILE}: the followers of an item are not in ascending order")


def _totals(offsets: Rows, levels: NDArray[np.uint8], ratio: float) -> NDArray[np.float64]:
    """Return the sum of the weights of each item's entries, ``[N]``; 1 for an item without."""
    weight_of_level, totals = _weight_of_level(ratio), np.ones(len(offsets) - 1)
    for start in range(0, len(totals), _BLOCK):
        bounds = offsets[start : start + _BLOCK + 1]
        counts = np.diff(bounds)
        items = np.repeat(np.arange(len(counts)), counts)
        sums = sums_by_row(items, weight_of_level[levels[bounds[0] : bounds[-1]]], len(counts))
        totals[start : start + _BLOCK] = np.where(counts > 0, sums, 1.0)
    return totals


def _weight_of_level(ratio: float) -> NDArray[np.float64]:
    return np.float64(ratio) ** np.arange(N_LEVELS)
