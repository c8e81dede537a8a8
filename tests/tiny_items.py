"""Builds items from columns, for tests of reasons."""

from collections.abc import Sequence

from edge_runtime.bundle.items import Field, Items


def make_items(titles: Sequence[str], **fields: Sequence[Sequence[str]]) -> Items:
    """Return items from a column of titles and one column of values per field."""
    columns = {}
    for name, column in fields.items():
        index_of: dict[str, int] = {}
        rows = [[index_of.setdefault(value, len(index_of)) for value in values] for values in column]
        columns[name] = Field(list(index_of), rows)
    return Items([f"item-{row}" for row in range(len(titles))], list(titles), columns)
