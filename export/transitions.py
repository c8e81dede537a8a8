"""The transitions of a bundle (SPEC section 10): a student's graph with as many followers as a target has room for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.manifest import MAX_FOLLOWERS, TransitionSettings
from edge_runtime.bundle.transitions import (
    dump_transitions,
    follower_bytes,
    levels_of,
    unpack_transitions,
)
from edge_runtime.probe.target import FEWEST_THAT_FIT, IF_THEY_FIT, TransitionChoice
from edge_runtime.transitions import TransitionScores
from train.distill.device_transitions import TEXT_CODES, TextCodes
from train.distill.student import Student
from train.transitions.graph import most_frequent

# 16 levels reach down to 0.5 % of an item's most frequent follower.
RATIO: Final = 0.7
_HEADER_BYTES: Final = 512
# Header of a file whose number of entries is known.
_KNOWN_HEADER_BYTES: Final = 320
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


def choose_transitions(student: Student, choice: TransitionChoice, room: int) -> BundleTransitions | None:
    """Return the transitions that a target chooses; None if the student has none or the target no room.

    Args:
        student: the student.
        choice: of the target.
        room: bytes that the budget for ranking leaves for transitions, those in addition to it included.
    """
    if student.transitions is None:
        return None
    codes = _useful_texts(student)
    text_bytes = 0 if codes is None else len(dump_arrays(codes.codes))
    number = choice.number(has_encoder=student.encoder is not None)
    sizes = bytes_by_followers(student.transitions.counts, MAX_FOLLOWERS if number is None else number)
    if choice.texts == IF_THEY_FIT:
        followers = _as_many_as_fit(sizes, room - text_bytes, choice.at_least) if number is None else number
        if followers and text_bytes + sizes[min(followers, len(sizes) - 1)] <= room:
            return make_transitions(student, followers, texts=True)
    texts = choice.texts is True
    if number is None:
        number = _as_many_as_fit(sizes, room - text_bytes * texts, choice.at_least)
    return make_transitions(student, number, texts=texts)


def bytes_by_followers(counts: csr_array, most: int) -> list[int]:
    """Return the bytes of the file with 0 to ``most`` followers an item, at most as many as an item has."""
    n_items, per_item = counts.shape[0], np.diff(counts.indptr)
    most = min(most, int(per_item.max(initial=0)))
    entries = [int(np.minimum(per_item, n).sum()) for n in range(most + 1)]
    return [_KNOWN_HEADER_BYTES + n_items + n * follower_bytes(n_items) + -(-n // 2) for n in entries]


def make_transitions(student: Student, followers: int, *, texts: bool = False) -> BundleTransitions | None:
    """Return the transitions with at most ``followers`` an item; None if the student has none or the target no room.

    Args:
        student: the student.
        followers: largest number of followers an item.
        texts: compare items by the student's text codes, if it has some.
    """
    if student.transitions is None or followers < 1:
        return None
    by_texts = _useful_texts(student) if texts else None
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


def _as_many_as_fit(sizes: Sequence[int], room: int, at_least: int) -> int:
    """Return the largest number of followers whose bytes fit; 0 if they would be too small a part of the graph."""
    whole = len(sizes) - 1
    fitting = max((n for n, size in enumerate(sizes) if size <= room), default=0)
    return min(max(fitting if fitting >= min(FEWEST_THAT_FIT, whole) else 0, at_least), whole)


def _useful_texts(student: Student) -> TextCodes | None:
    """Return the text codes; None where they have no weight in the score and would only take room."""
    return None if student.texts is None or not student.texts.settings.similarity else student.texts
