"""Histories of the users of a data folder, for the profiler: the entry point ``pocketrec.histories``."""

from collections.abc import Sequence
from pathlib import Path

from train.data.folder import read_folder
from train.data.split import leave_one_out


def histories(folder: Path, item_ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the histories before the test events, oldest first, with the items of a bundle only.

    Raises:
        DataError: the folder is not valid.
    """
    dataset = read_folder(folder)
    ids, known = dataset.catalogue.item_ids, set(item_ids)
    targets = leave_one_out(dataset.sequences).test
    found = (tuple(ids[row] for row in targets.history(index)) for index in range(len(targets)))
    return [kept for one in found if (kept := tuple(item for item in one if item in known))]
