"""The transitions of a bundle (SPEC section 10): a student's graph with as many followers as a target has room for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.manifest import TransitionSettings
from edge_runtime.bundle.transitions import (
    dump_transitions,
    follower_bytes,
    levels_of,
    unpack_transitions,
)
from edge_runtime.transitions import TransitionScores
from train.distill.student import Student
from train.transitions.graph import most_frequent

# 16 levels reach down to 0.5 % of an item's most frequent follower.
RATIO: Final = 0.7
_HEADER_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class BundleTransitions:
    """The file and its settings, and the scores that a device computes from it."""

    data: bytes
    settings: TransitionSettings
    scores: TransitionScores


def make_transitions(student: Student, followers: int) -> BundleTransitions | None:
    """Return the transitions with at most ``followers`` an item; None if the student has none or the target no room."""
    if student.transitions is None or followers < 1:
        return None
    counts, chosen = most_frequent(student.transitions.counts, followers), student.transitions.settings
    offsets = counts.indptr.astype(np.int64)
    levels = levels_of(offsets, counts.data.astype(np.float64), RATIO)
    settings = TransitionSettings(
        newest=chosen.newest,
        recency=chosen.recency,
        second_hop=chosen.second_hop,
        smoothing=chosen.smoothing,
        similarity=chosen.similarity,
        weight=chosen.weight,
        ratio=RATIO,
        n_entries=len(levels),
    )
    data = dump_arrays(dump_transitions(offsets, counts.indices, levels, student.sizes.n_items))
    read = unpack_transitions(load_arrays(data, "transitions.safetensors"), settings, student.sizes.n_items)
    return BundleTransitions(data, settings, TransitionScores(read, student.codes))


def max_transitions_bytes(n_items: int, followers: int) -> int:
    """Return the largest size of the file with ``followers`` an item: a row number and half a byte each."""
    if followers < 1:
        return 0
    return _HEADER_BYTES + n_items + -(-n_items * followers * (2 * follower_bytes(n_items) + 1) // 2)
