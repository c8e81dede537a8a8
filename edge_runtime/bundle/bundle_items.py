"""The items of a bundle, in any of the forms that they may have."""

from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.item_log import read_item_log
from edge_runtime.bundle.item_table import ItemTable, read_item_table
from edge_runtime.bundle.items import read_items
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE


def open_items(folder: BundleFolder) -> ItemTable:
    """Return the items of a bundle, in memory or on disk.

    Raises:
        BundleIntegrityError: the file is missing, or its length or digest differ.
        BundleError: it violates SPEC section 6, 12 or 14.
    """
    manifest = folder.manifest
    if ITEM_TABLE in manifest.required_features:
        return read_item_table(folder.disk_arrays("items"), manifest.catalogue.n_items)
    read = read_item_log if ITEM_LOG in manifest.required_features else read_items
    return ItemTable.of(read(folder.read(manifest.required_role("items")), manifest.catalogue.n_items))
