"""Builds items from columns, and the table in which a large catalogue keeps them on disk."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.item_table import TABLE_FILE, dump_item_table
from edge_runtime.bundle.items import Field, Items, read_items
from edge_runtime.bundle.manifest import ITEM_TABLE
from edge_runtime.search.finder import word_index


def make_items(titles: Sequence[str], **fields: Sequence[Sequence[str]]) -> Items:
    """Return items from a column of titles and one column of values per field."""
    columns = {}
    for name, column in fields.items():
        index_of: dict[str, int] = {}
        rows = [[index_of.setdefault(value, len(index_of)) for value in values] for values in column]
        columns[name] = Field(list(index_of), rows)
    return Items([f"item-{row}" for row in range(len(titles))], list(titles), columns)


def with_item_table(bundle: Path, out: Path) -> None:
    """Write a copy of a bundle whose items stay on disk."""
    folder = open_folder(bundle)
    manifest = folder.manifest
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in manifest.files}
    items = read_items(contents.pop("items.json.z")[1], manifest.catalogue.n_items)
    contents[TABLE_FILE] = ("items", dump_item_table(items, word_index(items)))
    features = (*manifest.required_features, ITEM_TABLE)
    write_folder(out, msgspec.structs.replace(manifest, required_features=features), contents)
