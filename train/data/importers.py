"""Turns public data sets, as they are downloaded, into a data folder.

``movielens.py`` and ``amazon.py`` know the layouts; here is what both need: duplicates, the k-core, the writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from edge_runtime.errors import DataError
from train.data.amazon import find_files, read_metadata, read_reviews
from train.data.core import k_core
from train.data.ids import id_fault
from train.data.json_lines import Record
from train.data.movielens import read_movielens
from train.data.new_folder import new_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the rows of a source.

    Attributes:
        k: of the k-core.
        n_events: what was written.
        n_broken: lines that could not be read: left out.
        n_duplicates: events of the same user, item and second: left out.
        n_outside: events outside of the k-core: left out.
        n_undescribed: items that the source says nothing about: written without a title.
    """

    k: int
    n_events: int
    n_broken: int
    n_duplicates: int
    n_outside: int
    n_undescribed: int

    def __str__(self) -> str:
        """Return a sentence for people."""
        return (
            f"wrote {self.n_events:,} events; left out {self.n_broken:,} broken lines, {self.n_duplicates:,} "
            f"duplicates and {self.n_outside:,} events outside of the {self.k}-core; of {self.n_undescribed:,} items "
            "the source says nothing"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Core:
    """The events that are written, oldest first for each user."""

    events: pl.DataFrame
    n_duplicates: int
    n_outside: int


def import_movielens(source: Path, out: Path, *, k: int = 5) -> Imported:
    """Import MovieLens: a folder or zip with ``ratings.dat`` and ``movies.dat``, or ``ratings.csv`` and ``movies.csv``.

    Every rating is an event, whatever its stars, as in the literature on sequences.

    Raises:
        DataError: the source has another layout, is damaged, or too small for ``k``; or ``out`` holds something.
    """
    with new_folder(out) as draft:
        events, items, n_broken = read_movielens(source)
        core = _core(events, k, source)
        return _write(draft, core, items, k=k, n_broken=n_broken)


def import_amazon(source: Path, out: Path, *, k: int = 5) -> Imported:
    """Import Amazon reviews of 2014, 2018 or 2023: a folder with one reviews file and, better, one ``meta*`` file.

    Raises:
        DataError: as :func:`import_movielens`.
    """
    with new_folder(out) as draft:
        reviews, metadata = find_files(source)
        events, n_broken = read_reviews(reviews)
        core = _core(events, k, source)
        items = {} if metadata is None else read_metadata(metadata, set(core.events["item_id"]))
        return _write(draft, core, items, k=k, n_broken=n_broken)


def _core(events: pl.DataFrame, k: int, source: Path) -> _Core:
    distinct = events.unique(maintain_order=True)
    faulty = {name: [text for text in distinct[name].unique() if id_fault(text)] for name in ("user_id", "item_id")}
    usable = distinct.filter(
        ~pl.col("user_id").is_in(faulty["user_id"]) & ~pl.col("item_id").is_in(faulty["item_id"]),
        pl.col("timestamp") >= 0,
    )
    kept = usable.filter(pl.Series(k_core(usable["user_id"].to_numpy(), usable["item_id"].to_numpy(), k)))
    if kept.is_empty():
        raise DataError(
            f"{source}: {len(usable):,} events, but no user and item has {k} of them after the others are taken away. "
            "Choose a smaller --k-core, or a larger source."
        )
    order = kept["user_id"].unique(maintain_order=True)
    place = kept["user_id"].replace_strict(order, range(len(order)), return_dtype=pl.Int64)
    ordered = kept.with_columns(place=place).sort("place", "timestamp", maintain_order=True).drop("place")
    return _Core(ordered, len(events) - len(distinct), len(distinct) - len(kept))


def _write(draft: Path, core: _Core, items: Mapping[str, Record], *, k: int, n_broken: int) -> Imported:
    item_ids = core.events["item_id"].unique(maintain_order=True).to_list()
    core.events.write_parquet(draft / "interactions.parquet")
    lines = [msgspec.json.encode({"item_id": item_id, "title": ""} | items.get(item_id, {})) for item_id in item_ids]
    (draft / "items.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Imported(
        k=k,
        n_events=len(core.events),
        n_broken=n_broken,
        n_duplicates=core.n_duplicates,
        n_outside=core.n_outside,
        n_undescribed=sum(item_id not in items for item_id in item_ids),
    )
