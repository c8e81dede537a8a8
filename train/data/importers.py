"""Converts downloads of public data sets to data folders.

``movielens.py`` and ``amazon.py`` parse the layouts. The steps common to both are here: checks of ids and timestamps,
removal of duplicates, the k-core, and writing and checking the folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import polars as pl

from edge_runtime.paths import AnyPath
from train.data.amazon import read_metadata, read_reviews
from train.data.amazon_files import find_files
from train.data.core import k_core
from train.data.findings import Findings, Source, quoted
from train.data.folder import INTERACTIONS, ITEMS, read_folder
from train.data.ids import check_ids
from train.data.import_report import ImportReport
from train.data.interactions import ROW
from train.data.json_lines import Record
from train.data.movielens import read_movielens
from train.data.new_folder import new_folder
from train.data.summary import Summary, summarize
from train.data.timestamp_checks import check_timestamps
from train.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class _KCore:
    """The events to write, oldest first for each user."""

    events: pl.DataFrame
    n_duplicates: int
    n_outside: int


@dataclass(slots=True)
class _ImportFindings:
    """Lines and values that could not be read.

    Attributes:
        source: path given by the caller.
        events: unreadable event lines.
        items: unreadable item lines.
        values: unreadable values of readable items.
    """

    source: Path
    events: Findings = field(default_factory=Findings)
    items: Findings = field(default_factory=Findings)
    values: Findings = field(default_factory=Findings)


def import_movielens(source: AnyPath, out: AnyPath, *, k: int = 5) -> ImportReport:
    """Import MovieLens: a folder or zip with ``ratings.dat`` and ``movies.dat``, or ``ratings.csv`` and ``movies.csv``.

    Every rating is an event, whatever its value, as is usual in sequential recommendation.

    Raises:
        DataError: the source has another layout, is damaged, or too small for ``k``; or ``out`` is not empty.
    """
    source, out = Path(source), Path(out)
    with new_folder(out) as draft:
        log = _ImportFindings(source)
        data = read_movielens(source, log.events, log.items, log.values)
        known = data.events.filter(pl.col("item_id").is_in(list(data.films)))
        unknown = data.events.filter(~pl.col("item_id").is_in(list(data.films)))
        if len(unknown):
            log.events.warn(
                f"{data.ratings.name}: {data.movies.name} does not describe {unknown['item_id'].n_unique():,} of the "
                f"films, such as {quoted(unknown['item_id'][0])} in line {unknown[ROW][0]}; their {len(unknown):,} "
                "event(s) were left out."
            )
        core = _core(known, k, data.ratings, log)
        return _write(draft, out, core, data.films, log, k=k, n_unknown=len(unknown))


def import_amazon(source: AnyPath, out: AnyPath, *, k: int = 5) -> ImportReport:
    """Import Amazon reviews of 2014, 2018 or 2023: a folder with one file of reviews and one ``meta*`` file.

    Raises:
        DataError: as :func:`import_movielens`.
    """
    source, out = Path(source), Path(out)
    with new_folder(out) as draft:
        log = _ImportFindings(source)
        reviews, metadata = find_files(source)
        core = _core(read_reviews(reviews, log.events), k, Source(reviews.name, "line"), log)
        items = read_metadata(metadata, set(core.events["item_id"]), log.items, log.values)
        return _write(draft, out, core, items, log, k=k, n_unknown=0)


def _core(events: pl.DataFrame, k: int, file: Source, log: _ImportFindings) -> _KCore:
    for name in ("user_id", "item_id"):
        events = check_ids(events, name, ROW, file, log.events)
    usable = check_timestamps(events, ROW, file, log.events).drop(ROW)
    distinct = usable.unique(maintain_order=True)
    kept = distinct.filter(pl.Series(k_core(distinct["user_id"].to_numpy(), distinct["item_id"].to_numpy(), k)))
    if kept.is_empty():
        n_broken = len(log.events.rows(file.name))
        if not len(distinct):
            message = f"{log.source}: no event could be read; {n_broken:,} lines are broken. Correct the file:"
            raise DataError(log.events.message(message))
        also = f" {n_broken:,} lines could not be read:" if n_broken else ""
        raise DataError(
            log.events.message(
                f"{log.source}: {len(distinct):,} events, but the {k}-core is empty: no users and items with "
                f"{k} events each remain. Choose a smaller --k-core, or a larger source.{also}"
            )
        )
    users = kept["user_id"].unique(maintain_order=True)
    index = kept["user_id"].replace_strict(users, range(len(users)), return_dtype=pl.Int64)
    ordered = kept.with_columns(user=index).sort("user", "timestamp", maintain_order=True).drop("user")
    return _KCore(ordered, len(usable) - len(distinct), len(distinct) - len(kept))


def _write(
    draft: Path, out: Path, core: _KCore, items: Mapping[str, Record], log: _ImportFindings, *, k: int, n_unknown: int
) -> ImportReport:
    item_ids = core.events["item_id"].unique(maintain_order=True).to_list()
    core.events.write_parquet(draft / f"{INTERACTIONS}.parquet")
    lines = [msgspec.json.encode({"item_id": item_id, "title": ""} | items.get(item_id, {})) for item_id in item_ids]
    (draft / f"{ITEMS}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return ImportReport(
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
    """Check the folder as ``pocketrec check`` does, and return its summary."""
    findings = Findings()
    try:
        dataset = read_folder(draft, findings=findings)
    except DataError as error:
        raise DataError(
            findings.message(f"{source}: the imported data are not a valid data folder, so nothing was written.")
        ) from error
    return replace(summarize(dataset), name=out.resolve().name)
