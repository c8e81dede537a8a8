"""One fact of all items as arrays, on which a condition takes one pass over the distinct values."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Field
from edge_runtime.filters.conditions import Test, number_of

Mask = NDArray[np.bool_]


class Column:
    """The values of one fact.

    Args:
        n_items: size of the catalogue.
        values: the distinct values.
        entry_row: row of each entry, an item's value, ``[n_entries]``.
        entry_value: index of its value, ``[n_entries]``.
    """

    def __init__(
        self, n_items: int, values: Sequence[str], entry_row: NDArray[np.int64], entry_value: NDArray[np.int64]
    ) -> None:
        self.values = values
        self._n_items = n_items
        self._entry_row = entry_row
        self._entry_value = entry_value

    @classmethod
    def of_field(cls, field: Field) -> Self:
        """Return the column of a fact of the bundle."""
        n_items = len(field.rows)
        lengths = np.fromiter(map(len, field.rows), np.int64, n_items)
        entry_value = np.fromiter(chain.from_iterable(field.rows), np.int64, int(lengths.sum()))
        return cls(n_items, field.values, np.repeat(np.arange(n_items), lengths), entry_value)

    @classmethod
    def of_texts(cls, n_items: int, texts: Iterable[tuple[int, Sequence[str]]]) -> Self:
        """Return the column of items whose values are given by row."""
        index_of: dict[str, int] = {}
        entries = [(row, index_of.setdefault(text, len(index_of))) for row, values in texts for text in values]
        rows, values = np.array(entries, dtype=np.int64).reshape(-1, 2).T
        return cls(n_items, list(index_of), rows, values)

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
            mask[self._entry_row[is_hit[self._entry_value]]] = True
        return mask
