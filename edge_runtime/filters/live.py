"""Facts that an app sets while it runs, such as price and stock; they replace those of the bundle."""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from edge_runtime.filters.conditions import Value, text_of

LiveValue = Value | list[str] | tuple[str, ...] | None
"""A value, several texts, or None for the bundle's own."""

MAX_NAME: Final = 1000
"""Maximum number of characters in the name of a fact, as in bundles."""


class LiveFacts:
    """Live facts by item id, in memory only; safe to share between threads.

    Attributes:
        version: increases with every change.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, tuple[str, ...]]] = {}

    def set(self, facts: Mapping[str, Mapping[str, LiveValue]]) -> None:
        """Set facts of some items; other facts and items stay as they are.

        Args:
            facts: item id to fact to value; None goes back to the bundle's value.

        Raises:
            TypeError: an item id or a fact's name is not a string, or a value is of another type.
            ValueError: a number is not finite, or 10^12 or more. Nothing was set.
        """
        checked = [
            (name, item_id, _texts(item_id, name, value))
            for item_id, values in _items(facts)
            for name, value in _items(values)
        ]
        with self._lock:
            for name, item_id, texts in checked:
                column = self._values.setdefault(name, {})
                if texts is None:
                    column.pop(item_id, None)
                else:
                    column[item_id] = texts
            self._values = {name: column for name, column in self._values.items() if column}
            self.version += 1

    def clear(self) -> None:
        """Go back to the facts of the bundle."""
        with self._lock:
            self._values = {}
            self.version += 1

    @property
    def names(self) -> list[str]:
        """The facts that some item has."""
        with self._lock:
            return list(self._values)

    def column(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the values of one fact by item id."""
        with self._lock:
            return dict(self._values.get(name, {}))

    def of(self, item_id: str) -> dict[str, list[str]]:
        """Return the live facts of one item."""
        with self._lock:
            return {name: list(column[item_id]) for name, column in self._values.items() if item_id in column}


def _items(mapping: object) -> list[tuple[str, object]]:
    example = "{'item-7': {'price': 12.5, 'in_stock': True}}"
    if not isinstance(mapping, Mapping) or not all(isinstance(name, str) for name in mapping):
        raise TypeError(f"facts must be a mapping of item ids to mappings of facts. Pass for example {example}.")
    return list(mapping.items())


def _texts(item_id: str, name: str, value: object) -> tuple[str, ...] | None:
    what = f"the fact {name!r} of {item_id!r}"
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return tuple(text_of(what, one) for one in value)
    if not isinstance(value, str | int | float):
        raise TypeError(f"{what} must be a text, a number, True or False, a list of texts, or None, got {value!r}.")
    return (text_of(what, value),)


def with_live(facts: Mapping[str, Sequence[str]], live: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the facts of an item with its live ones in place of the others, without empty ones."""
    return {name: list(values) for name, values in {**facts, **live}.items() if values}
