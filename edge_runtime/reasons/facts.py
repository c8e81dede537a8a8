"""Finds the facts that a reason may cite.

Facts are structured, so that they can be checked against the items, the history and the transitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Field, Items
from edge_runtime.bundle.transitions import Transitions
from edge_runtime.reasons.quoting import clean
from edge_runtime.reasons.words import display_field, group_of, is_informative, rules

FOLLOWS_PER_MILLE: Final = 90
"""Share of an item's transitions, in thousandths, from which another one often follows it."""
FOLLOWS_LEVEL: Final = 150
"""Popularity level of both items from which this is said: of rarer items there are few transitions to speak of."""

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Fact:
    """A true statement about an item.

    Attributes:
        kind: ``shared``: the item and ``history_row`` have ``value`` in common; ``follows``: the item often follows
            ``history_row`` in the histories that the bundle was made from; ``because``: without ``history_row`` the
            item's score is lower; ``popular``: the item is among the most popular ``value`` (such as ``10%``) of the
            catalogue.
        field: the field of the value; empty but for ``shared``.
        value: the value as in the items; empty for ``follows`` and ``because``.
        history_row: the cited item of the history; None for ``popular``.
    """

    kind: Literal["shared", "follows", "because", "popular"]
    field: str
    value: str
    history_row: int | None = None

    @property
    def group(self) -> str:
        """The group of phrases that say it."""
        return group_of(self.field) if self.kind == "shared" else self.kind


class FactFinder:
    """Finds what can be said about items.

    Args:
        items: titles and facts.
        popularity: uint8 ``[n_items]`` (SPEC section 5).
        transitions: which items follow which; None for a bundle without.
    """

    def __init__(self, items: Items, popularity: NDArray[np.uint8], transitions: Transitions | None = None) -> None:
        self.items = items
        self._popularity = popularity
        self._transitions = transitions
        self._n_at_least = np.bincount(popularity, minlength=256)[::-1].cumsum()[::-1]
        self._counts = {name: _counts(field) for name, field in items.fields.items()}

    def shared(self, row: int, past: int) -> list[tuple[int, Fact]]:
        """Return the values that two items have in common, each with its share of the catalogue in thousandths.

        Rare values come first; ties are broken by the field's name, then by the index of the value. Values that more
        than half of the items have tell nothing, and are left out.
        """
        found = []
        for name, field in self.items.fields.items():
            if name in rules().never_shared or row == past:
                continue
            others = field.rows[past]
            for index in self.values(name, row):
                if index in others and self.is_rare(name, index) and _tells_something(name, field.values[index]):
                    found.append((self.count(name, index), name, index))
        n_items = len(self._popularity)
        values = {name: self.items.fields[name].values for _, name, _ in found}
        return [
            (1000 * count // n_items, Fact("shared", name, values[name][index], past))
            for count, name, index in sorted(found)
        ]

    def follows(self, row: int, past: int) -> Fact | None:
        """Return the fact that an item often follows another, if it does."""
        if self._transitions is None or row == past:
            return None
        return Fact("follows", "", "", past) if often_follows(self._transitions, self._popularity, row, past) else None

    def popular(self, row: int) -> Fact | None:
        """Return the strongest true claim about popularity, if any."""
        level = int(self._popularity[row])
        for percent in rules().popular_percent:
            if level and int(self._n_at_least[level]) * 100 <= percent * len(self._popularity):
                return Fact("popular", "", f"{percent}%")
        return None

    def values(self, name: str, row: int) -> list[int]:
        """Return the indices of the informative values of a field, without duplicates."""
        if not display_field(name):
            return []
        field = self.items.fields[name]
        return [index for index in dict.fromkeys(field.rows[row]) if is_informative(field.values[index])]

    def count(self, name: str, index: int) -> int:
        """Return how many items have a value."""
        return int(self._counts[name][index])

    def is_rare(self, name: str, index: int) -> bool:
        """Say whether at most half of the items have the value: what nearly all have, such as a root, tells nothing."""
        count = self.count(name, index)
        return count <= 2 or 2 * count <= len(self._popularity)


def often_follows(transitions: Transitions, popularity: NDArray[np.uint8], row: int, past: int) -> bool:
    """Return whether an item has a large share of the transitions of another, and both are known well enough."""
    if int(popularity[row]) < FOLLOWS_LEVEL or int(popularity[past]) < FOLLOWS_LEVEL:
        return False
    start, end = int(transitions.offsets[past]), int(transitions.offsets[past + 1])
    position = start + int(np.searchsorted(transitions.followers[start:end], row))
    if position == end or int(transitions.followers[position]) != row:
        return False
    weight = float(transitions.weight_of_level[transitions.levels[position]])
    return int(1000 * weight / float(transitions.totals[past]) + 0.5) >= FOLLOWS_PER_MILLE


def is_true(
    fact: Fact,
    items: Items,
    popularity: NDArray[np.uint8],
    row: int,
    history_rows: Sequence[int],
    transitions: Transitions | None = None,
) -> bool:
    """Return whether a fact is true, checked against the items, the history and the transitions.

    That the score is lower without an event (``because``) is a matter of the engine; only the event is checked here.
    """
    if fact.kind == "popular":
        percent = int(fact.value.removesuffix("%"))
        n_at_least = int((popularity >= popularity[row]).sum())
        return bool(popularity[row]) and n_at_least * 100 <= percent * len(popularity)
    past = fact.history_row
    if past is None or past == row or past not in history_rows:
        return False
    if fact.kind == "follows":
        return transitions is not None and often_follows(transitions, popularity, row, past)
    return fact.kind == "because" or all(fact.value in items.facts(one).get(fact.field, []) for one in (row, past))


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


def _tells_something(name: str, value: str) -> bool:
    """Return whether an equal value is more than a coincidence.

    In a field of unknown meaning a number may be one, and a kind such as ``Women's`` says nothing by itself.
    """
    if name not in rules().groups:
        return any(char.isalpha() for char in value)
    return group_of(name) != "kind" or clean(value).lower() not in rules().not_a_kind
