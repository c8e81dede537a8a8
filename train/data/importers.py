"""Turns public data sets, as they are downloaded, into a data folder.

``movielens.py`` and ``amazon.py`` know the layouts; here is what both need: ids and times that the data contract takes,
duplicates, the k-core, the writing, and the check of what was written before anybody sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import polars as pl

from edge_runtime.paths import AnyPath
from train.data.amazon import read_metadata, read_reviews
from train.data.amazon_files import find_files
from train.data.clock import check_clock
from train.data.core import k_core
from train.data.findings import Findings, Source, quoted
from train.data.folder import INTERACTIONS, ITEMS, read_folder
from train.data.ids import check_ids
from train.data.import_report import Imported
from train.data.interactions import ROW
from train.data.json_lines import Record
from train.data.movielens import read_movielens
from train.data.new_folder import new_folder
from train.data.summary import Summary, summarize
from train.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class _Core:
    """The events that are written, oldest first for each user."""

    events: pl.DataFrame
    n_duplicates: int
    n_outside: int


@dataclass(slots=True)
class _Log:
    """What was left out on the way.

    Attributes:
        source: as the caller named it.
        events: lines of events that cannot be read.
        items: lines of items that cannot be read.
        values: values that cannot be read, of items that can.
    """

    source: Path
    events: Findings = field(default_factory=Findings)
    items: Findings = field(default_factory=Findings)
    values: Findings = field(default_factory=Findings)


def import_movielens(source: AnyPath, out: AnyPath, *, k: int = 5) -> Imported:
    """Import MovieLens: a folder or zip with ``ratings.dat`` and ``movies.dat``, or ``ratings.csv`` and ``movies.csv``.

    Every rating is an event, whatever its stars, as in the literature on sequences.

    Raises:
        DataError: the source has another layout, is damaged, or too small for ``k``; or ``out`` holds something.
    """
    source, out = Path(source), Path(out)
    with new_folder(out) as draft:
        log = _Log(source)
        found = read_movielens(source, log.events, log.items, log.values)
        known = found.events.filter(pl.col("item_id").is_in(list(found.films)))
        unknown = found.events.filter(~pl.col("item_id").is_in(list(found.films)))
        if len(unknown):
            log.events.warn(
                f"{found.ratings.name}: {found.movies.name} does not describe {unknown['item_id'].n_unique():,} of the "
                f"films, such as {quoted(unknown['item_id'][0])} in line {unknown[ROW][0]}: their {len(unknown):,} "
                "event(s) are left out."
            )
        core = _core(known, k, found.ratings, log)
        return _write(draft, out, core, found.films, log, k=k, n_unknown=len(unknown))


def import_amazon(source: AnyPath, out: AnyPath, *, k: int = 5) -> Imported:
    """Import Amazon reviews of 2014, 2018 or 2023: a folder with one file of reviews and one ``meta*`` file.

    Raises:
        DataError: as :func:`import_movielens`.
    """
    source, out = Path(source), Path(out)
    with new_folder(out) as draft:
        log = _Log(source)
        reviews, metadata = find_files(source)
        core = _core(read_reviews(reviews, log.events), k, Source(reviews.name, "line"), log)
        items = read_metadata(metadata, set(core.events["item_id"]), log.items, log.values)
        return _write(draft, out, core, items, log, k=k, n_unknown=0)


def _core(events: pl.DataFrame, k: int, file: Source, log: _Log) -> _Core:
    for name in ("user_id", "item_id"):
        events = check_ids(events, name, ROW, file, log.events)
    usable = check_clock(events, ROW, file, log.events).drop(ROW)
    distinct = usable.unique(maintain_order=True)
    kept = distinct.filter(pl.Series(k_core(distinct["user_id"].to_numpy(), distinct["item_id"].to_numpy(), k)))
    if kept.is_empty():
        n_broken = len(log.events.rows(file.name))
        also = f" {n_broken:,} lines could not be read:" if n_broken else ""
        raise DataError(
            log.events.message(
                f"{log.source}: {len(distinct):,} events, but no user and item has {k} of them after the others are "
                f"taken away. Choose a smaller --k-core, or a larger source.{also}"
            )
        )
    order = kept["user_id"].unique(maintain_order=True)
    place = kept["user_id"].replace_strict(order, range(len(order)), return_dtype=pl.Int64)
    ordered = kept.with_columns(place=place).sort("place", "timestamp", maintain_order=True).drop("place")
    return _Core(ordered, len(usable) - len(distinct), len(distinct) - len(kept))


def _write(
    draft: Path, out: Path, core: _Core, items: Mapping[str, Record], log: _Log, *, k: int, n_unknown: int
) -> Imported:
    item_ids = core.events["item_id"].unique(maintain_order=True).to_list()
    core.events.write_parquet(draft / f"{INTERACTIONS}.parquet")
    lines = [msgspec.json.encode({"item_id": item_id, "title": ""} | items.get(item_id, {})) for item_id in item_ids]
    (draft / f"{ITEMS}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Imported(
        k=k,
        n_events=len(core.events),
        n_items=len(item_ids),
        n_broken=log.events.n_rows(),
        n_broken_items=log.items.n_rows(),
        n_unknown=n_unknown,
        n_duplicates=core.n_duplicates,
        n_outside=core.n_outside,
        n_undescribed=sum(item_id not in items for item_id in item_ids),
        problems=log.events.problems + log.items.problems,
        values=log.values.problems,
        notes=(*log.events.warnings, *log.items.warnings),
        summary=_check(draft, out, log.source),
    )


def _check(draft: Path, out: Path, source: Path) -> Summary:
    """Check what was written as ``pocketrec check`` does, and sum it up."""
    findings = Findings()
    try:
        dataset = read_folder(draft, findings=findings)
    except DataError as error:
        raise DataError(
            findings.message(f"{source}: cannot be made into a good data folder, so nothing was written.")
        ) from error
    return replace(summarize(dataset), name=out.resolve().name)
