"""The transitions of a bundle (SPEC section 10): a student's graph with as many followers as a target has room for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.manifest import TransitionSettings
from edge_runtime.bundle.transitions import (
    dump_transitions,
    follower_bytes,
    levels_of,
    unpack_transitions,
)
from edge_runtime.transitions import TransitionScores
from train.distill.device_transitions import TEXT_CODES
from train.distill.student import Student
from train.transitions.graph import most_frequent

# 16 levels reach down to 0.5 % of an item's most frequent follower.
RATIO: Final = 0.7
_HEADER_BYTES: Final = 512
# Codebook, centre and header of the text codes; besides there are the codes, and two bits an item.
_TEXT_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class BundleTransitions:
    """The files and their settings, and the scores that a device computes from them.

    ``similarity`` holds the codes of the texts, None without.
    """

    data: bytes
    similarity: bytes | None
    settings: TransitionSettings
    scores: TransitionScores


def make_transitions(student: Student, followers: int, *, texts: bool = False) -> BundleTransitions | None:
    """Return the transitions with at most ``followers`` an item; None if the student has none or the target no room.

    Args:
        student: the student.
        followers: largest number of followers an item.
        texts: compare items by the student's text codes, if it has some.
    """
    if student.transitions is None or followers < 1:
        return None
    # Codes that have no weight in the score would only take room.
    by_texts = student.texts if texts and student.texts is not None and student.texts.settings.similarity else None
    chosen = student.transitions.settings if by_texts is None else by_texts.settings
    counts = most_frequent(student.transitions.counts, followers)
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
        vectors=None if by_texts is None else by_texts.sizes,
    )
    data = dump_arrays(dump_transitions(offsets, counts.indices, levels, student.sizes.n_items))
    read = unpack_transitions(load_arrays(data, "transitions.safetensors"), settings, student.sizes.n_items)
    if by_texts is None:
        return BundleTransitions(data, None, settings, TransitionScores(read, student.codes))
    compared = read_codes(by_texts.codes, by_texts.sizes, "similarity.safetensors")
    return BundleTransitions(data, dump_arrays(by_texts.codes), settings, TransitionScores(read, compared))


def max_transitions_bytes(n_items: int, followers: int, *, texts: bool = False) -> int:
    """Return the largest size of the files with ``followers`` an item, a row number and half a byte each, and codes."""
    if followers < 1:
        return 0
    codes = _TEXT_BYTES + TEXT_CODES.n_codes[0] * n_items + n_items // 4 if texts else 0
    return codes + _HEADER_BYTES + n_items + -(-n_items * followers * (2 * follower_bytes(n_items) + 1) // 2)
