"""A release that follows an earlier one: no row moves, the name stays, and the number grows."""

from edge_runtime.bundle import BundleFolder, Manifest
from edge_runtime.errors import BundleError
from export.naming import check_same_name
from train.data.dataset import Catalogue
from train.data.kept_rows import bundle_items, check_rows


def check_follows(earlier: BundleFolder, catalogue: Catalogue, name: str) -> None:
    """Check that a release of a catalogue may follow an earlier release on devices.

    Raises:
        RunError: an item of the earlier release has another row, or none.
        BundleError: the earlier release has another name, or is damaged.
    """
    check_same_name(earlier.path, earlier.manifest.name, name)
    advice = (
        f"Train again with `pocketrec train --rows-of {earlier.path}`, or export into another --out, as a catalogue "
        "of its own."
    )
    check_rows(catalogue.item_ids, bundle_items(earlier), str(earlier.path), advice)


def next_number(earlier: Manifest, source: object, requested: int | None) -> int:
    """Return the number of the release that follows another one.

    Raises:
        BundleError: the requested number is not larger.
    """
    if requested is None:
        return earlier.release + 1
    if requested <= earlier.release:
        raise BundleError(
            f"{source}: holds release {earlier.release}, and release numbers must increase: devices would not install "
            f"a changed release {requested}. Omit --release, or give at least {earlier.release + 1}."
        )
    return requested
