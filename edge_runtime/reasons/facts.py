"""Selects the facts that an explanation may cite.

Facts are structured, so that they can be checked against the items and the history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Field, Items
from edge_runtime.reasons.words import display_field, display_title, is_informative, phrases

MAX_SHARED: Final = 4
MAX_OWN: Final = 3
MAX_OWN_OF_A_FIELD: Final = 2

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Fact:
    """A true statement about an item.

    Attributes:
        kind: ``shared``: the item and ``history_row`` have ``value`` in common; ``own``: the item has ``value``;
            ``popular``: the item is among the most popular ``value`` (such as ``10%``) of the catalogue.
        field: the field of the value; empty for ``popular``.
        value: the value as in the items.
        history_row: the cited item of the history; only for ``shared``.
    """

    kind: Literal["shared", "own", "popular"]
    field: str
    value: str
    history_row: int | None = None


class FactFinder:
    """Selects informative facts about an item for a given history.

    Args:
        items: titles and facts.
        popularity: uint8 ``[n_items]`` (SPEC section 5).
    """

    def __init__(self, items: Items, popularity: NDArray[np.uint8]) -> None:
        self._items = items
        self._popularity = popularity
        self._n_at_least = np.bincount(popularity, minlength=256)[::-1].cumsum()[::-1]
        self._counts = {name: _counts(field) for name, field in items.fields.items()}

    def facts(self, row: int, history_rows: Sequence[int]) -> tuple[Fact, ...]:
        """Return the facts about an item for a history, best of each kind first, in the order shared, own, popular.

        Without shared facts, popularity comes first, because the item's own values describe it but do not explain
        the recommendation.

        Rare values come before common ones. Ties are broken by the newest history item, then by field name, then by
        the index of the value.

        Args:
            row: catalogue row of the item.
            history_rows: oldest first; the item itself is not cited.
        """
        shared = sorted(self._shared(row, history_rows))[:MAX_SHARED]
        used = {(name, index) for *_, name, index, _ in shared}
        values = {name: field.values for name, field in self._items.fields.items()}
        own = (Fact("own", name, values[name][index]) for name, index in self._own(row, used, rare=True))
        facts = (
            *(Fact("shared", name, values[name][index], past) for *_, name, index, past in shared),
            *((*own, *self._popular(row)) if shared else (*self._popular(row), *own)),
        )
        common = self._own(row, used, rare=False) if not facts else ()
        return facts or tuple(Fact("own", name, values[name][index]) for name, index in common)

    def _shared(self, row: int, history_rows: Sequence[int]) -> Iterator[tuple[bool, int, int, str, int, int]]:
        """Yield (is weak, count, age, field, value index, history row) per value, with the newest item that has it."""
        words = phrases()
        ages = {int(past): -index for index, past in enumerate(history_rows) if past != row}
        pasts = [(age, past) for past, age in ages.items() if display_title(self._items.title[past])]
        for name, field in self._items.fields.items():
            if name in words.never_shared:
                continue
            for index in self._values(name, row):
                having = [(age, past) for age, past in pasts if index in field.rows[past]]
                if having and self._is_rare(name, index) and not _is_bare_number(name, field.values[index]):
                    age, past = min(having)
                    yield name in words.weakly_shared, int(self._counts[name][index]), age, name, index, past

    def _own(self, row: int, used: set[tuple[str, int]], *, rare: bool) -> list[tuple[str, int]]:
        """Return (field, value index) of the item's unused values: rarest first, amounts last."""
        candidates = sorted(
            (name in phrases().never_shared, int(self._counts[name][index]), name, index)
            for name in self._items.fields
            for index in self._values(name, row)[: 1 if name in phrases().first_only else None]
            if (name, index) not in used and self._is_rare(name, index) == rare
        )
        chosen: list[tuple[str, int]] = []
        for *_, name, index in candidates:
            if sum(name == other for other, _ in chosen) < MAX_OWN_OF_A_FIELD:
                chosen.append((name, index))
        return chosen[:MAX_OWN]

    def _popular(self, row: int) -> Iterator[Fact]:
        """Yield the strongest true claim about popularity, if any."""
        level = int(self._popularity[row])
        for percent in phrases().popular_percent:
            if level and int(self._n_at_least[level]) * 100 <= percent * len(self._popularity):
                yield Fact("popular", "", f"{percent}%")
                return

    def _values(self, name: str, row: int) -> list[int]:
        """Return the indices of the informative values of a field, without duplicates."""
        if not display_field(name):
            return []
        field = self._items.fields[name]
        return [index for index in dict.fromkeys(field.rows[row]) if is_informative(field.values[index])]

    def _is_rare(self, name: str, index: int) -> bool:
        """Say whether at most half of the items have the value: what nearly all have, such as a root, tells nothing."""
        count = int(self._counts[name][index])
        return count <= 2 or 2 * count <= len(self._popularity)


def is_true(fact: Fact, items: Items, popularity: NDArray[np.uint8], row: int, history_rows: Sequence[int]) -> bool:
    """Return whether a fact is true, checked against the items and the history."""
    if fact.kind == "popular":
        percent = int(fact.value.removesuffix("%"))
        n_at_least = int((popularity >= popularity[row]).sum())
        return bool(popularity[row]) and n_at_least * 100 <= percent * len(popularity)
    if fact.value not in items.facts(row).get(fact.field, []):
        return False
    if fact.kind == "own":
        return True
    past = fact.history_row
    return past is not None and past != row and past in history_rows and _has(items, past, fact)


def _has(items: Items, row: int, fact: Fact) -> bool:
    return fact.value in items.facts(row).get(fact.field, [])


def _counts(field: Field) -> NDArray[np.int32]:
    """Return how many items have each value, in blocks of items because a large catalogue has millions of entries."""
    starts, values = field.entries()
    n_values = len(field.values)
    counts = np.zeros(n_values, dtype=np.int32)
    for first in range(0, len(starts) - 1, _BLOCK):
        bounds = starts[first : first + _BLOCK + 1].astype(np.int64)
        row = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        distinct = np.unique(row * n_values + values[bounds[0] : bounds[-1]])  # an item may have a value twice
        counts += np.bincount(distinct % n_values, minlength=n_values).astype(np.int32)
    return counts


def _is_bare_number(name: str, value: str) -> bool:
    """Return whether a value is a number in a field of unknown meaning, where equal values may be a coincidence."""
    return name not in phrases().predicates and not any(char.isalpha() for char in value)
