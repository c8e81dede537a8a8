"""A person's history and situation as text, and any text as a vector beside those of the items.

This is the exact form of what a history says: for people of whom no model has a state, and for a language model that
writes. While training, a mean of the events' vectors stands in for it (:mod:`train.plugins.llmrec_history`), because
every prefix of every history has a text of its own; ``python -m benchmarks.history_text`` compares the two. New items
are described by :func:`encode_texts` as well (``python -m benchmarks.add_items``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from train.data.clock import has_clock
from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.items.blocks import Extractor, Inputs
from train.items.features import Features
from train.items.text import LONGEST, item_text

# An event says what it was, not its whole description.
LONGEST_EVENT = 256
_DAY_S = 86_400
_PARTS_OF_DAY = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_GAPS = (
    (3600, "within the hour"), (_DAY_S, "within the day"), (7 * _DAY_S, "within the week"),
    (31 * _DAY_S, "within the month"),
)  # fmt: skip
# Two unit vectors this near are the same text in the same space.
_SAME = 0.999


@dataclass(frozen=True, slots=True)
class Situation:
    """When somebody asks.

    Attributes:
        hour: of the day, UTC, 0 to 23.
        weekday: 0 for Monday to 6.
        gap_s: seconds since the event before; None where there is none.
    """

    hour: int
    weekday: int
    gap_s: int | None


def situation_at(sequences: Sequences, user: int, now_s: int) -> Situation | None:
    """Return the situation of a user at ``now_s``, in seconds since 1970; None where the data has no clock."""
    if not has_clock(int(sequences.timestamps.max(initial=0))):
        return None
    now = datetime.fromtimestamp(now_s, UTC)
    times = sequences.times_of(user)
    earlier = times[times <= now_s]
    return Situation(now.hour, now.weekday(), now_s - int(earlier[-1]) if len(earlier) else None)


def situation_text(situation: Situation) -> str:
    """Return such as ``Friday evening, 20:00, last here within the week``."""
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[situation.weekday]
    part = next(name for end, name in _PARTS_OF_DAY if situation.hour < end)
    text = f"{day} {part}, {situation.hour}:00"
    if situation.gap_s is None:
        return f"{text}, first time here"
    gap = next((name for longest, name in _GAPS if situation.gap_s <= longest), "longer ago than a month")
    return f"{text}, last here {gap}"


def history_text(catalogue: Catalogue, rows: Sequence[int] | NDArray[np.int32], situation: Situation | None) -> str:
    """Return the situation, then the events, a line each, the newest first, at most ``LONGEST`` characters.

    The newest come first because a language model cuts what is too long at its end. Nothing else is said, because to
    an extractor that counts words the words around the events would be what all histories have in common.

    Args:
        catalogue: the items.
        rows: the history, oldest first.
        situation: None where it is not known: then it is not mentioned.
    """
    lines = [] if situation is None else [situation_text(situation)]
    n_characters = sum(len(line) for line in lines)
    for row in reversed(rows):
        if n_characters >= LONGEST:
            break
        lines.append("; ".join(item_text(catalogue, int(row)).split("\n"))[:LONGEST_EVENT])
        n_characters += len(lines[-1]) + 1
    return "\n".join(lines)[:LONGEST]


def encode_texts(
    extractor: Extractor[str], texts: Sequence[str], items: Inputs[str], known: Features
) -> NDArray[np.float32]:
    r"""Return the vectors of any texts in the space of the items' vectors, float32 ``[n, width]``.

    A pretrained extractor describes a text the same whatever stands beside it. One that is made of the texts it is
    given (rarity of words, a decomposition) is run over the items and the texts together, and the outcome is turned
    back to where the items are known to be, by the rotation

    .. math::
        R = \arg\min_{R^\top R = I} \lVert X' R - X \rVert = U V^\top, \qquad U \Sigma V^\top = \mathrm{svd}(X'^\top X)

    with ``X`` the known vectors and ``X'`` the new ones. Source: Schoenemann, "A Generalized Solution of the Orthogonal
    Procrustes Problem", Psychometrika 31(1), 1966.

    Args:
        extractor: the one that gave ``known``.
        texts: what to encode.
        items: the texts of the items.
        known: features of the items.

    Raises:
        ValueError: ``known`` are of another extractor, or of other items.
    """
    if known.extractor != extractor.name or len(known.vectors) != len(items):
        raise ValueError(
            f"expected features of {len(items)} items by {extractor.name!r}, "
            f"got {len(known.vectors)} by {known.extractor!r}"
        )
    width = known.width
    if len(texts) == 0:
        return np.zeros((0, width), dtype=np.float32)
    if _needs_no_company(extractor, items, known):
        return _described(extractor, texts, width)
    together = _described(extractor, _Joined(items, texts), width)
    described = known.present[:, 0]
    left, _, right = np.linalg.svd(together[: len(items)][described].T @ known.vectors[described, 0])
    turned: NDArray[np.float32] = (together[len(items) :] @ (left @ right)).astype(np.float32)
    return turned


@dataclass(frozen=True, slots=True)
class _Joined:
    """Two sets of texts as one, each text made when it is asked for."""

    first: Inputs[str]
    second: Inputs[str]

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int, /) -> str:
        n = len(self.first)
        return self.first[index] if index < n else self.second[index - n]


def _needs_no_company(extractor: Extractor[str], items: Inputs[str], known: Features) -> bool:
    """Return whether items alone are described as they are among all.

    Two that differ much are asked, each by itself: an extractor that is made of its texts gives both the same axis.
    """
    rows = np.flatnonzero(known.present[:, 0])
    if len(rows) < 2:
        return False
    vectors = known.vectors[rows, 0]
    pair = rows[[0, int(np.argmin(vectors @ vectors[0]))]]
    alone = np.concatenate([_described(extractor, [items[int(row)]], known.width) for row in pair])
    return bool(((alone * known.vectors[pair, 0]).sum(1) > _SAME).all())


def _described(extractor: Extractor[str], texts: Inputs[str], width: int) -> NDArray[np.float32]:
    found = np.zeros((len(texts), width), dtype=np.float32)
    for rows, vectors in extractor.describe(texts).blocks:
        found[rows] = vectors
    return found
