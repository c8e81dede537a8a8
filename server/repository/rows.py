"""Rows never move: an item keeps its row in all releases, so that histories stay valid and deltas small."""

from collections.abc import Sequence

from edge_runtime.bundle import BundleFolder
from edge_runtime.bundle.bundle_items import open_items
from server.errors import RepositoryError


def check_rows(before: BundleFolder, after: BundleFolder) -> None:
    """Check that the items of a release have the rows that they had in the release before it.

    Raises:
        RepositoryError: an item has moved or is missing.
    """
    target, release = before.manifest.target, before.manifest.release
    old, new = (folder.manifest.required_role("items").sha256 for folder in (before, after))
    if old == new:
        return
    old_ids, new_ids = item_ids(before), item_ids(after)
    advice = (
        "Rows never move: train with `pocketrec train --rows-of BUNDLE`, the bundle of that release. "
        "Or publish with --allow-moved-rows: devices then fetch the files anew."
    )
    if len(new_ids) < len(old_ids):
        raise RepositoryError(
            f"{target}: found {len(new_ids):,} items, expected at least the {len(old_ids):,} of release {release}. "
            + advice
        )
    for row, (old_id, new_id) in enumerate(zip(old_ids, new_ids, strict=False)):
        if old_id != new_id:
            raise RepositoryError(
                f"{target}: found the item {new_id!r} in row {row:,}, where release {release} has {old_id!r}. {advice}"
            )


def item_ids(folder: BundleFolder) -> Sequence[str]:
    """Return the item ids of a bundle, by row."""
    return open_items(folder).items.item_id
