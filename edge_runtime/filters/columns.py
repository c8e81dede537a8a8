"""One fact of all items as arrays, on which a condition takes one pass over the distinct values."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Field, rows_of_entries
from edge_runtime.bundle.texts import Integers, Starts
from edge_runtime.filters.conditions import Test, number_of

Mask = NDArray[np.bool_]


class Column:
    """The values of one fact.

    Args:
        n_items: size of the catalogue.
        values: the distinct values.
        starts: first entry of each row, ``[n_items + 1]``; an entry is a value of an item.
        entry_value: index of the value of each entry, ``[n_entries]``.
    """

    def __init__(self, n_items: int, values: Sequence[str], starts: Starts, entry_value: Integers) -> None:
        self.values = values
        self._n_items = n_items
        self._starts = starts
        self._entry_value = entry_value

    @classmethod
    def of_field(cls, field: Field) -> Self:
        """Return the column of a fact of the bundle."""
        return cls(len(field.rows), field.values, *field.entries())

    @classmethod
    def of_texts(cls, n_items: int, texts: Iterable[tuple[int, Sequence[str]]]) -> Self:
        """Return the column of items whose values are given by row."""
        index_of: dict[str, int] = {}
        entries = [(row, index_of.setdefault(text, len(index_of))) for row, values in texts for text in values]
        rows, values = np.array(sorted(entries), dtype=np.int64).reshape(-1, 2).T
        return cls(n_items, list(index_of), np.searchsorted(rows, np.arange(n_items + 1)), values)

    @cached_property
    def numbers(self) -> list[float | None]:
        """The number that each value stands for, or None."""
        return [number_of(value) for value in self.values]

    def has(self, kind: str) -> bool:
        """Return whether a value is of a kind of :class:`Test`."""
        if kind == "number":
            return any(number is not None for number in self.numbers)
        return kind == "text" or not {"true", "false"}.isdisjoint(self.values)

    def holds(self, test: Test) -> Mask:
        """Return which items have a value for which the test holds, ignoring its negation, ``[n_items]``."""
        is_hit = np.fromiter(map(test.holds, self.values, self.numbers), bool, len(self.values))
        mask = np.zeros(self._n_items, dtype=bool)
        if len(self.values):
            mask[rows_of_entries(self._starts, np.flatnonzero(is_hit[self._entry_value[:]]))] = True
        return mask
