"""Rows never move: items keep the rows that they had in an earlier run or bundle, whatever the order of the items file.

New items are appended in the order of the file. An item that is no longer in the file keeps its row, with the title and
the facts that it had (ADR 0047).
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.bundle_items import open_items
from edge_runtime.bundle.folder import BundleFolder, read_file
from edge_runtime.bundle.items import Items, dump_items
from edge_runtime.bundle.manifest import MANIFEST_NAME
from edge_runtime.files import write_atomically
from edge_runtime.paths import AnyPath
from train.data.dataset import Catalogue
from train.data.published import cut_items
from train.errors import RunError

ITEMS_FILE = "items.json.z"
"""File of a run with its items, in the order of its rows."""

Value = TypeVar("Value")


def aligned(catalogue: Catalogue, earlier: Items) -> Catalogue:
    """Return the catalogue with the rows of an earlier one, and new items after them; :attr:`Catalogue.gone` is set.

    Args:
        catalogue: the items of a file.
        earlier: the items whose rows are kept.
    """
    row_of = catalogue.row_of()
    known = set(earlier.item_id)
    rows = [row_of.get(item_id, -1) for item_id in earlier.item_id]
    gone = tuple(row for row, source in enumerate(rows) if source < 0)
    rows += [row for row, item_id in enumerate(catalogue.item_ids) if item_id not in known]
    if rows == list(range(len(catalogue))):
        return catalogue
    facts_of = {row: earlier.facts(row) for row in gone}

    def column(values: Sequence[Value], of_gone: Sequence[Value]) -> tuple[Value, ...]:
        before = dict(zip(gone, of_gone, strict=True))
        return tuple(before[row] if source < 0 else values[source] for row, source in enumerate(rows))

    def field(name: str) -> tuple[tuple[str, ...], ...]:
        values = catalogue.fields.get(name, ((),) * len(catalogue))
        return column(values, [tuple(facts_of[row].get(name, ())) for row in gone])

    names = dict.fromkeys([*catalogue.fields, *(name for row in gone for name in facts_of[row])])
    return replace(
        catalogue,
        item_ids=column(catalogue.item_ids, [earlier.item_id[row] for row in gone]),
        titles=column(catalogue.titles, [earlier.title[row] for row in gone]),
        fields={name: field(name) for name in names},
        descriptions=column(catalogue.descriptions, [None] * len(gone)),
        images=column(catalogue.images, [None] * len(gone)),
        videos=column(catalogue.videos, [()] * len(gone)),
        gone=gone,
    )


def save_items(run: Path, catalogue: Catalogue) -> None:
    """Save the items of a run in its folder, so that later runs keep their rows."""
    write_atomically(run / ITEMS_FILE, dump_items(cut_items(catalogue)))


def saved_items(run: AnyPath) -> Items | None:
    """Return the items of a run; None if it has the rows of its items file, as runs of older versions have.

    Raises:
        RunError: the file is damaged.
    """
    path = Path(run) / ITEMS_FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(zlib.decompress(read_file(path)), type=Items)
    except (zlib.error, msgspec.DecodeError) as error:
        raise RunError(f"{path}: the run's items cannot be read ({error}); train it again.") from error


def earlier_items(path: AnyPath) -> Items:
    """Return the items of a run or of a bundle.

    Raises:
        RunError: the run does not say which items it has.
        BundleError: the bundle is damaged.
    """
    if (Path(path) / MANIFEST_NAME).is_file():
        return bundle_items(open_folder(path))
    found = saved_items(path)
    if found is None:
        raise RunError(
            f"{path}: found no {ITEMS_FILE} and no {MANIFEST_NAME}, expected a run or a bundle that says which items "
            "it has. Runs of older versions do not; give a bundle that was exported from it."
        )
    return found


def bundle_items(folder: BundleFolder) -> Items:
    """Return the items of a bundle.

    Raises:
        BundleError: the bundle is damaged.
    """
    return open_items(folder).items


def check_same_catalogue(catalogue: Catalogue, n_earlier: int, source: AnyPath) -> None:
    """Check that most items of an earlier catalogue are still there: otherwise it is another one.

    Args:
        catalogue: the result of :func:`aligned`.
        n_earlier: number of items of the earlier catalogue.
        source: where that is from.

    Raises:
        RunError: fewer than half of the earlier items are in the items file.
    """
    n_left = n_earlier - len(catalogue.gone)
    if 2 * n_left < n_earlier:
        raise RunError(
            f"{source}: the items file has {n_left:,} of its {n_earlier:,} items, expected most: it seems to be "
            "another catalogue, and rows are kept within one. Choose another --out, or a run or bundle of this one."
        )


def check_rows(item_ids: Sequence[str], earlier: Items, source: str, advice: str) -> None:
    """Check that each item of an earlier release has its row.

    Raises:
        RunError: one is gone, or has another row.
    """
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    moved = [(row, item_id) for row, item_id in enumerate(earlier.item_id) if row_of.get(item_id) != row]
    if moved:
        row, item_id = moved[0]
        found = "missing here" if item_id not in row_of else f"in row {row_of[item_id]:,} here"
        raise RunError(
            f"{source}: {len(moved):,} of its {len(earlier.item_id):,} items would move, such as {item_id!r}, which is "
            f"in row {row:,} there and {found}. Rows never move, because deltas refer to them. {advice}"
        )
