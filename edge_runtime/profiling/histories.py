"""The histories that a profile measures with: real ones with their real lengths, or the golden walks of the bundle."""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from edge_runtime.bundle.golden import Golden
from edge_runtime.errors import ProfileError
from edge_runtime.profiling.report import Histories
from edge_runtime.profiling.statistics import median

READERS: Final = "pocketrec.histories"
"""Entry points that read a data folder: functions of the folder, and the item ids of the catalogue, to all histories.

Training defines one; a device, which has no data folders, does without.
"""

Ids = tuple[str, ...]
Reader = Callable[[Path, Sequence[str]], Sequence[Ids]]


def golden_histories(golden: Golden, item_ids: Sequence[str], most: int) -> list[Ids]:
    """Return at most ``most`` golden sequences as item ids."""
    return evenly([tuple(item_ids[row] for row in rows) for rows in golden.sequences], most)


def data_histories(folder: Path, item_ids: Sequence[str], most: int) -> list[Ids]:
    """Return histories of users of a data folder, at most ``most``, with the distribution of lengths that all have.

    Raises:
        ProfileError: nothing here can read data folders, or no user has a history with items of the catalogue.
    """
    advice = "Leave out --data to measure with the golden sequences of the bundle."
    try:
        readers: list[Reader] = [entry.load() for entry in entry_points(group=READERS)]
    except ModuleNotFoundError as error:
        raise ProfileError(
            f"reading {folder} needs a checkout of the project (found no module {error.name!r}). {advice}"
        ) from error
    if not readers:
        raise ProfileError(f"found nothing that reads data folders such as {folder}. {advice}")
    found = evenly(readers[0](folder, item_ids), most)
    if not found:
        raise ProfileError(f"{folder}: found no user with a history of items of this bundle. {advice}")
    return found


def evenly(histories: Sequence[Ids], most: int) -> list[Ids]:
    """Return at most ``most`` histories, evenly spaced in the order of their lengths; empty ones are left out."""
    ordered = sorted((one for one in histories if one), key=len)
    if len(ordered) <= most:
        return ordered
    return [ordered[int((index + 0.5) * len(ordered) / most)] for index in range(most)]


def described(source: str, histories: Sequence[Ids]) -> Histories:
    """Return the entry of the report."""
    lengths = [len(one) for one in histories]
    return Histories(source, len(lengths), min(lengths), median(lengths), max(lengths))
