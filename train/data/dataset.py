"""What :func:`train.data.folder.read_folder` returns: plain values, checked once, trusted afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train.data.sequences import Sequences


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The items, a column a property; row ``i`` is the ``i``-th item of the items file.

    Attributes:
        item_ids: unique, 1 to 256 characters.
        titles: never empty.
        fields: name of a fact (``brand``, ``categories``, ``year``, ...) to the values of every item, as
            strings; an empty tuple where nothing is known.
        descriptions: None where there is none.
        images: files that exist, inside the folder; None where there is none.
        videos: the frames of each item in order; an empty tuple where there is none.
    """

    item_ids: tuple[str, ...]
    titles: tuple[str, ...]
    fields: Mapping[str, tuple[tuple[str, ...], ...]]
    descriptions: tuple[str | None, ...]
    images: tuple[Path | None, ...]
    videos: tuple[tuple[Path, ...], ...]

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.item_ids)

    def row_of(self) -> dict[str, int]:
        """Return the row of every item id, as a new dictionary."""
        return {item_id: row for row, item_id in enumerate(self.item_ids)}


@dataclass(frozen=True, slots=True)
class Report:
    """What was left out of the files, and what a person should know about them.

    Attributes:
        n_event_rows: rows of the interactions file.
        n_item_rows: rows of the items file.
        kept_out: rows that are no interest of the user, by kind: ``dislike``, ``weight not above 0``.
        skipped: broken rows left out by ``skip_bad_rows``, by kind of problem; empty without it.
        warnings: sentences.
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
        digest: SHA-256 over what was read: the bytes of the items and the interactions file (not of the pictures), and
            the rows that were left out of them; 64 hex digits.
        report: what was left out, and warnings.
    """

    path: Path
    name: str
    catalogue: Catalogue
    sequences: Sequences
    digest: str
    report: Report
