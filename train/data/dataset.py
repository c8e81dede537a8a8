"""The data set that :func:`train.data.folder.read_folder` returns; its values have been checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train.data.sequences import Sequences


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The items by column; row ``i`` is the ``i``-th valid item of the items file, unless earlier rows are kept.

    Attributes:
        item_ids: unique, 1 to 256 characters.
        titles: never empty.
        fields: for each fact (``brand``, ``categories``, ``year``, ...) the values of every item, as strings; an empty
            tuple where unknown.
        descriptions: None where there is none.
        images: existing files inside the folder; None where there is none.
        videos: the frames of each item in order; an empty tuple where there is none.
        gone: rows of items that an earlier catalogue had and the file no longer has, ascending.
    """

    item_ids: tuple[str, ...]
    titles: tuple[str, ...]
    fields: Mapping[str, tuple[tuple[str, ...], ...]]
    descriptions: tuple[str | None, ...]
    images: tuple[Path | None, ...]
    videos: tuple[tuple[Path, ...], ...]
    gone: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_ids)

    def row_of(self) -> dict[str, int]:
        """Return a new dictionary from item ids to rows."""
        return {item_id: row for row, item_id in enumerate(self.item_ids)}


@dataclass(frozen=True, slots=True)
class Report:
    """What was left out of the files, and warnings.

    Attributes:
        n_event_rows: rows of the interactions file.
        n_item_rows: rows of the items file.
        kept_out: number of events without positive interest, by kind: ``dislike``, ``weight not above 0``.
        skipped: number of invalid rows left out by ``skip_bad_rows``, by kind of problem.
        warnings: full sentences.
    """

    n_event_rows: int
    n_item_rows: int
    kept_out: Mapping[str, int]
    skipped: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """One data folder, read and checked.

    Attributes:
        path: the folder.
        name: the folder's name.
        catalogue: the items.
        sequences: the events; every user has at least one.
        digest: SHA-256 of the bytes of the items and interactions files (not of the pictures), of the rows that were
            left out, and of the order of the items if it is not that of the file; 64 hex digits.
        report: what was left out, and warnings.
    """

    path: Path
    name: str
    catalogue: Catalogue
    sequences: Sequences
    digest: str
    report: Report
