"""Builds items from columns, and the table in which a large catalogue keeps them on disk."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.item_log import changes_between, dump_log
from edge_runtime.bundle.item_table import TABLE_FILE, dump_item_table
from edge_runtime.bundle.items import Field, Items, dump_items, read_items
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE
from edge_runtime.search.finder import word_index


def make_items(titles: Sequence[str], **fields: Sequence[Sequence[str]]) -> Items:
    """Return items from a column of titles and one column of values per field."""
    columns = {}
    for name, column in fields.items():
        index_of: dict[str, int] = {}
        rows = [[index_of.setdefault(value, len(index_of)) for value in values] for values in column]
        columns[name] = Field(list(index_of), rows)
    return Items([f"item-{row}" for row in range(len(titles))], list(titles), columns)


def with_item_log(bundle: Path, out: Path, n_before: int = 37) -> None:
    """Write a copy of a bundle with the same items in two streams; two of the first have each other's facts."""
    folder = open_folder(bundle)
    manifest = folder.manifest
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in manifest.files}
    items = read_items(contents["items.json.z"][1], manifest.catalogue.n_items)
    sources = [*range(n_before)]
    sources[2:4] = 3, 2
    before = Items(
        items.item_id[:n_before],
        [items.title[row] for row in sources],
        {name: Field(field.values, [field.rows[row] for row in sources]) for name, field in items.fields.items()},
    )
    log = dump_log([dump_items(before), dump_items(changes_between(before, items))])
    features = (*manifest.required_features, ITEM_LOG)
    manifest = msgspec.structs.replace(manifest, required_features=features)
    write_folder(out, manifest, contents | {"items.json.z": ("items", log)})


def with_item_table(bundle: Path, out: Path) -> None:
    """Write a copy of a bundle whose items stay on disk."""
    folder = open_folder(bundle)
    manifest = folder.manifest
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in manifest.files}
    items = read_items(contents.pop("items.json.z")[1], manifest.catalogue.n_items)
    contents[TABLE_FILE] = ("items", dump_item_table(items, word_index(items)))
    features = (*manifest.required_features, ITEM_TABLE)
    write_folder(out, msgspec.structs.replace(manifest, required_features=features), contents)
