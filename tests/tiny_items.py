"""Items written down as columns, for the tests of reasons."""

from collections.abc import Sequence

from edge_runtime.bundle.items import Field, Items


def make_items(titles: Sequence[str], **fields: Sequence[Sequence[str]]) -> Items:
    """Return items from a column of titles and one of values a field."""
    columns = {}
    for name, column in fields.items():
        places: dict[str, int] = {}
        rows = [[places.setdefault(value, len(places)) for value in values] for values in column]
        columns[name] = Field(list(places), rows)
    return Items([f"item-{row}" for row in range(len(titles))], list(titles), columns)
