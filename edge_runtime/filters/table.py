"""Finds the items that a filter lets through, by the facts of a bundle and the live ones."""

import threading
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import numpy as np

from edge_runtime.bundle.items import Items
from edge_runtime.errors import FilterError
from edge_runtime.filters.columns import Column, Mask
from edge_runtime.filters.conditions import Test
from edge_runtime.filters.live import LiveFacts

_N_NAMED: Final = 12


class FactTable:
    """The facts of a catalogue. Columns are built when a filter first names them.

    Args:
        items: facts of the bundle.
        row_of: item id to row.
        live: facts that replace them.
    """

    def __init__(self, items: Items, row_of: Mapping[str, int], live: LiveFacts) -> None:
        self._items = items
        self._row_of = row_of
        self._live = live
        self._lock = threading.Lock()
        self._columns: dict[str, Column] = {}
        self._live_columns: dict[str, tuple[int, Column, Mask]] = {}

    def has(self, name: str) -> bool:
        """Return whether some item has a fact."""
        return name in self._items.fields or name in self._live.names

    def holds(self, where: Mapping[str, Test]) -> Mask:
        """Return which items a filter lets through, ``[n_items]``.

        Raises:
            FilterError: there is no such fact, or none of its values are numbers or booleans where some are needed.
        """
        mask = np.ones(len(self._items.item_id), dtype=bool)
        for name, test in where.items():
            mask &= self._of_fact(name, test)
        return mask

    def _of_fact(self, name: str, test: Test) -> Mask:
        with self._lock:
            bundled, live = self._column(name), self._live_column(name)
        if bundled is None and live is None:
            raise FilterError(self._unknown(name))
        columns = [column for column in (bundled, live and live[0]) if column is not None and len(column.values)]
        if columns and not any(column.has(test.kind) for column in columns):
            raise FilterError(_wrong_kind(name, test.kind, columns[0].values[0]))
        mask = np.zeros(len(self._items.item_id), dtype=bool) if bundled is None else bundled.holds(test)
        if live is not None:
            column, is_live = live
            mask[is_live] = column.holds(test)[is_live]
        return ~mask if test.is_negated else mask

    def _column(self, name: str) -> Column | None:
        if name not in self._columns and name in self._items.fields:
            self._columns[name] = Column.of_field(self._items.fields[name])
        return self._columns.get(name)

    def _live_column(self, name: str) -> tuple[Column, Mask] | None:
        """Return the live values, and for which items there are some; None if no item has this fact."""
        version = self._live.version
        known = self._live_columns.get(name)
        if known is None or known[0] != version:
            texts = self._live.column(name)
            if not texts:
                self._live_columns.pop(name, None)
                return None
            by_row = [(self._row_of[item_id], values) for item_id, values in texts.items() if item_id in self._row_of]
            n_items = len(self._items.item_id)
            is_live = np.zeros(n_items, dtype=bool)
            is_live[[row for row, _ in by_row]] = True
            known = self._live_columns[name] = (version, Column.of_texts(n_items, by_row), is_live)
        return known[1:]

    def _unknown(self, name: str) -> str:
        names = sorted({*self._items.fields, *self._live.names})
        near = get_close_matches(name, names, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(map(repr, names[:_N_NAMED])) + (", …" if len(names) > _N_NAMED else "")
        have = f"The items have {listed}" if names else "The items have no facts"
        return (
            f"where: no item has the fact {name!r}.{meant} {have}; an app adds live ones, such as stock, "
            "with set_facts()."
        )


def _wrong_kind(name: str, kind: str, example: str) -> str:
    needed = "a number" if kind == "number" else kind
    return (
        f"where[{name!r}]: the condition needs {needed}, but no value of this fact is one; they are texts such as "
        f"{example[:60]!r}. Compare with a text, or set live values with set_facts()."
    )
