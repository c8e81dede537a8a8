"""The true facts that a reason may cite.

A fact is structured, so that whatever is said of it later can be checked again against the items and the history.
Knows nothing of sentences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.words import is_telling, phrases, said_field, said_title

MAX_SHARED: Final = 4
MAX_OWN: Final = 3
MAX_OWN_OF_A_FIELD: Final = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true of an item.

    Attributes:
        kind: ``shared``: the item and ``history_row`` have ``value`` in common; ``own``: the item has it;
            ``popular``: the item is among the most popular ``value`` (such as ``10%``) of the catalogue.
        field: the field of the value; empty for ``popular``.
        value: as the items have it.
        history_row: the item of the history that is cited, for ``shared`` alone.
    """

    kind: Literal["shared", "own", "popular"]
    field: str
    value: str
    history_row: int | None = None


class FactFinder:
    """Finds what is true and telling of an item for a person.

    Args:
        items: names and facts.
        popularity: uint8 ``[n_items]`` (SPEC section 5).
    """

    def __init__(self, items: Items, popularity: NDArray[np.uint8]) -> None:
        self._items = items
        self._popularity = popularity
        self._at_least = np.bincount(popularity, minlength=256)[::-1].cumsum()[::-1]
        self._counts = {name: _counts(field.rows, len(field.values)) for name, field in items.fields.items()}
        self._telling = {
            name: [bool(said_field(name)) and is_telling(value) for value in field.values]
            for name, field in items.fields.items()
        }

    def facts(self, row: int, history_rows: Sequence[int]) -> tuple[Fact, ...]:
        """Return the facts of an item for a history, the best of each kind first: shared, own, popular.

        With nothing shared, popularity comes first: it is then the reason for the item, which its own values only
        describe.

        A rare value tells more than a common one; of equals the newest item of the history is cited, and then the
        field's name and the value's place decide.

        Args:
            row: the item.
            history_rows: oldest first; the item itself among them is not cited.
        """
        shared = sorted(self._shared(row, history_rows))[:MAX_SHARED]
        said = {(name, index) for *_, name, index, _ in shared}
        values = {name: field.values for name, field in self._items.fields.items()}
        own = (Fact("own", name, values[name][index]) for name, index in self._own(row, said, rare=True))
        found = (
            *(Fact("shared", name, values[name][index], past) for *_, name, index, past in shared),
            *((*own, *self._popular(row)) if shared else (*self._popular(row), *own)),
        )
        common = self._own(row, said, rare=False) if not found else ()
        return found or tuple(Fact("own", name, values[name][index]) for name, index in common)

    def _shared(self, row: int, history_rows: Sequence[int]) -> Iterator[tuple[bool, int, int, str, int, int]]:
        """Yield (weak, count, age, field, value index, history row), each value with the newest item that has it."""
        words = phrases()
        ages = {int(past): -place for place, past in enumerate(history_rows) if past != row}
        pasts = [(age, past) for past, age in ages.items() if said_title(self._items.title[past])]
        for name, field in self._items.fields.items():
            if name in words.never_shared:
                continue
            for index in self._values(name, row):
                having = [(age, past) for age, past in pasts if index in field.rows[past]]
                if having and self._is_rare(name, index) and not _is_bare_number(name, field.values[index]):
                    age, past = min(having)
                    yield name in words.weakly_shared, self._counts[name][index], age, name, index, past

    def _own(self, row: int, said: set[tuple[str, int]], *, rare: bool) -> list[tuple[str, int]]:
        """Return (field, value index) of what is true of the item and not said yet: the rarest first, amounts last."""
        found = sorted(
            (name in phrases().never_shared, self._counts[name][index], name, index)
            for name in self._items.fields
            for index in self._values(name, row)[: 1 if name in phrases().first_only else None]
            if (name, index) not in said and self._is_rare(name, index) == rare
        )
        chosen: list[tuple[str, int]] = []
        for *_, name, index in found:
            if sum(name == other for other, _ in chosen) < MAX_OWN_OF_A_FIELD:
                chosen.append((name, index))
        return chosen[:MAX_OWN]

    def _popular(self, row: int) -> Iterator[Fact]:
        """Yield the boldest claim about popularity that holds, if any."""
        level = int(self._popularity[row])
        for percent in phrases().popular_percent:
            if level and int(self._at_least[level]) * 100 <= percent * len(self._popularity):
                yield Fact("popular", "", f"{percent}%")
                return

    def _values(self, name: str, row: int) -> list[int]:
        """Return the indices of the telling values of a field, each once."""
        telling = self._telling[name]
        return [index for index in dict.fromkeys(self._items.fields[name].rows[row]) if telling[index]]

    def _is_rare(self, name: str, index: int) -> bool:
        """Say whether at most half of the items have the value: what nearly all have, such as a root, tells nothing."""
        count = self._counts[name][index]
        return count <= 2 or 2 * count <= len(self._popularity)


def is_true(fact: Fact, items: Items, popularity: NDArray[np.uint8], row: int, history_rows: Sequence[int]) -> bool:
    """Check a fact against the items and the history, from nothing but them."""
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


def _counts(rows: list[list[int]], n_values: int) -> list[int]:
    """Return how many items have each value."""
    flat = np.fromiter((index for row in rows for index in set(row)), dtype=np.int64)
    return [int(n) for n in np.bincount(flat, minlength=n_values)]


def _is_bare_number(name: str, value: str) -> bool:
    """Say whether a value is only a number of a field whose meaning is not known: an equal one is chance."""
    return name not in phrases().predicates and not any(char.isalpha() for char in value)
