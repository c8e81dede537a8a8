"""A user's history and situation as text, and the encoding of any text in the space of the items' vectors.

This is the exact text representation of a history, for users without a model state and for language models. Training
approximates it by a mean of the events' vectors (:mod:`train.plugins.llmrec_history`), because every prefix of every
history has a text of its own; ``python -m benchmarks.history_text`` compares the two, and
:mod:`train.plugins.llmrec_history_text` trains with the texts of some prefixes. New items are also encoded by
:func:`encode_texts` (``python -m benchmarks.add_items``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.data.timestamp_checks import is_unix_time
from train.items.blocks import Extractor, Inputs
from train.items.features import Features
from train.items.text import MAX_CHARACTERS, item_text

# An event is described by the beginning of its text.
MAX_EVENT_CHARACTERS = 256
_DAY_S = 86_400
_PARTS_OF_DAY = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_GAPS = (
    (3600, "within the hour"), (_DAY_S, "within the day"), (7 * _DAY_S, "within the week"),
    (31 * _DAY_S, "within the month"),
)  # fmt: skip
# Unit vectors with at least this cosine are considered equal.
_SAME = 0.999


@dataclass(frozen=True, slots=True)
class Situation:
    """The time of a request.

    Attributes:
        hour: hour of the day, UTC, 0 to 23.
        weekday: 0 for Monday to 6.
        gap_s: seconds since the previous event; None if there is none.
    """

    hour: int
    weekday: int
    gap_s: int | None


def situation_at(sequences: Sequences, user: int, now_s: int) -> Situation | None:
    """Return the situation of a user at ``now_s``, in seconds since 1970; None if the data has no real timestamps."""
    if not is_unix_time(int(sequences.timestamps.max(initial=0))):
        return None
    times = sequences.times_of(user)
    earlier = times[times <= now_s]
    return situation_between(now_s, int(earlier[-1]) if len(earlier) else None)


def situation_between(now_s: int, previous_s: int | None) -> Situation | None:
    """Return the situation at ``now_s`` after the previous event, if any; None if that is no time but a position."""
    if not is_unix_time(now_s):
        return None
    now = datetime.fromtimestamp(now_s, UTC)
    return Situation(now.hour, now.weekday(), None if previous_s is None else now_s - previous_s)


def situation_text(situation: Situation) -> str:
    """Return the situation as text, such as ``Friday evening, 20:00, last here within the week``."""
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[situation.weekday]
    part = next(name for end, name in _PARTS_OF_DAY if situation.hour < end)
    text = f"{day} {part}, {situation.hour}:00"
    if situation.gap_s is None:
        return f"{text}, first time here"
    gap = next((name for longest, name in _GAPS if situation.gap_s <= longest), "longer ago than a month")
    return f"{text}, last here {gap}"


def history_text(catalogue: Catalogue, rows: Sequence[int] | NDArray[np.int32], situation: Situation | None) -> str:
    """Return the situation, then the events, one a line, newest first, at most ``MAX_CHARACTERS`` characters.

    The newest come first because language models truncate at the end. Nothing else is added, because for an extractor
    that counts words it would be common to all histories.

    Args:
        catalogue: the items.
        rows: the history, oldest first.
        situation: the situation; None leaves it out.
    """
    lines = [] if situation is None else [situation_text(situation)]
    n_characters = sum(len(line) for line in lines)
    for row in reversed(rows):
        if n_characters >= MAX_CHARACTERS:
            break
        lines.append("; ".join(item_text(catalogue, int(row)).split("\n"))[:MAX_EVENT_CHARACTERS])
        n_characters += len(lines[-1]) + 1
    return "\n".join(lines)[:MAX_CHARACTERS]


def encode_texts(
    extractor: Extractor[str], texts: Sequence[str], items: Inputs[str], known: Features
) -> NDArray[np.float32]:
    r"""Return the vectors of any texts in the space of the items' vectors, float32 ``[n, width]``.

    A pretrained extractor encodes each text independently. One that is fitted to its texts (document frequencies, a
    decomposition) is run over the items and the texts together, and the result is aligned with the known vectors of the
    items by the rotation

    .. math::
        R = \arg\min_{R^\top R = I} \lVert X' R - X \rVert = U V^\top, \qquad U \Sigma V^\top = \mathrm{svd}(X'^\top X)

    with ``X`` the known vectors and ``X'`` the new ones. Source: Schoenemann, "A Generalized Solution of the Orthogonal
    Procrustes Problem", Psychometrika 31(1), 1966.

    Args:
        extractor: the extractor of ``known``.
        texts: texts to encode.
        items: texts of the items.
        known: features of the items.

    Raises:
        ValueError: ``known`` is from another extractor, or of other items.
    """
    if known.extractor != extractor.name or len(known.vectors) != len(items):
        raise ValueError(
            f"expected features of {len(items)} items by {extractor.name!r}, "
            f"got {len(known.vectors)} by {known.extractor!r}"
        )
    width = known.width
    if len(texts) == 0:
        return np.zeros((0, width), dtype=np.float32)
    if encodes_independently(extractor, items, known):
        return _encode_all(extractor, texts, width)
    together = _encode_all(extractor, _Joined(items, texts), width)
    described = known.present[:, 0]
    left, _, right = np.linalg.svd(together[: len(items)][described].T @ known.vectors[described, 0])
    turned: NDArray[np.float32] = (together[len(items) :] @ (left @ right)).astype(np.float32)
    return turned


@dataclass(frozen=True, slots=True)
class _Joined:
    """The concatenation of two sets of texts, each text created on access."""

    first: Inputs[str]
    second: Inputs[str]

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int, /) -> str:
        n = len(self.first)
        return self.first[index] if index < n else self.second[index - n]


def encodes_independently(extractor: Extractor[str], items: Inputs[str], known: Features) -> bool:
    """Return whether the extractor encodes each text independently of the others.

    Two dissimilar texts are encoded separately: an extractor that is fitted to its texts gives both the same axis.
    """
    rows = np.flatnonzero(known.present[:, 0])
    if len(rows) < 2:
        return False
    vectors = known.vectors[rows, 0]
    pair = rows[[0, int(np.argmin(vectors @ vectors[0]))]]
    alone = np.concatenate([_encode_all(extractor, [items[int(row)]], known.width) for row in pair])
    return bool(((alone * known.vectors[pair, 0]).sum(1) > _SAME).all())


def _encode_all(extractor: Extractor[str], texts: Inputs[str], width: int) -> NDArray[np.float32]:
    result = np.zeros((len(texts), width), dtype=np.float32)
    for rows, vectors in extractor.encode(texts).blocks:
        result[rows] = vectors
    return result
