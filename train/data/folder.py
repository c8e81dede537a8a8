"""Reads and checks a data folder; ``docs/data.md`` defines its format.

All checks run before an error is raised, so that its message lists every problem. Only ``interactions.*``, ``items.*``
and the pictures of the items are read.
"""

import hashlib
import time
from pathlib import Path

import numpy as np

from edge_runtime.bundle.items import Items
from edge_runtime.paths import AnyPath
from train.data.catalogue import read_catalogue
from train.data.dataset import Catalogue, Dataset, Report
from train.data.findings import Findings, quoted
from train.data.interactions import Events, read_events
from train.data.kept_rows import aligned
from train.data.sequences import Sequences
from train.data.split import MIN_EVENTS, MIN_EVENTS_TO_TRAIN
from train.data.table_file import Table, find_table, read_bytes, read_table
from train.data.timestamp_checks import FIRST_UNIX_TIME_S, is_unix_time, warn_about_future
from train.errors import DataError

ITEMS, INTERACTIONS = "items", "interactions"


def read_folder(
    path: AnyPath,
    *,
    earlier: Items | None = None,
    skip_bad_rows: bool = False,
    now_s: float | None = None,
    findings: Findings | None = None,
) -> Dataset:
    """Read and check the folder ``path``.

    Args:
        path: folder with ``interactions.{parquet,csv,jsonl}`` and ``items.{jsonl,parquet,csv}``.
        earlier: items of an earlier run or bundle, which keep their rows (:mod:`train.data.kept_rows`); events of
            those that the items file no longer has are valid.
        skip_bad_rows: leave out invalid rows, and count them in the report.
        now_s: current time in seconds since 1970, for a warning about future events; the system's by default.
        findings: collects problems and warnings, if the caller needs them apart from the error message.

    Raises:
        DataError: the folder is not valid; the message lists all problems and their solutions.
    """
    path = Path(path)
    findings = Findings() if findings is None else findings
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise DataError(
            f"{path}: found {found}; expected a folder with {INTERACTIONS}.* and {ITEMS}.*. Check the path."
        )
    digest = hashlib.sha256()
    items = _read(path, ITEMS, digest, findings)
    interactions = _read(path, INTERACTIONS, digest, findings)
    of_file = None if items is None else read_catalogue(items, path, findings)
    catalogue = of_file if of_file is None or earlier is None else aligned(of_file, earlier)
    row_of = None if catalogue is None else catalogue.row_of()
    events = None if interactions is None else read_events(interactions, row_of, findings)
    findings.raise_problems(str(path), skip_bad_rows=skip_bad_rows)
    if items is None or interactions is None or catalogue is None or events is None:
        raise DataError(f"{path}: the folder cannot be used. Run `pocketrec check` on it.")
    _add_rows_left_out(digest, (items, interactions), findings)
    if catalogue is not of_file:
        digest.update("\n".join(("rows", *catalogue.item_ids)).encode())
    _warn(catalogue, events, interactions, findings, now_s=time.time() if now_s is None else now_s)
    report = Report(interactions.n_rows, items.n_rows, events.kept_out, findings.skipped(), tuple(findings.warnings))
    return Dataset(path, path.resolve().name, catalogue, events.sequences, digest.hexdigest(), report)


def _read(folder: Path, stem: str, digest: "hashlib._Hash", findings: Findings) -> Table | None:
    path = find_table(folder, stem, findings)
    data = None if path is None else read_bytes(path, findings)
    if path is None or data is None:
        return None
    digest.update(f"{path.name} {len(data)}\n".encode())
    digest.update(data)
    return read_table(path.name, data, findings)


def _add_rows_left_out(digest: "hashlib._Hash", tables: tuple[Table, ...], findings: Findings) -> None:
    """Add the numbers of the rows that were left out, so that the digest identifies the data that were used."""
    for table in tables:
        rows = findings.rows(table.source.name)
        if len(rows):
            digest.update(f"{table.source.name} without {len(rows)} rows\n".encode())
            digest.update(rows.astype("<i8").tobytes())


def _warn(catalogue: Catalogue, events: Events, interactions: Table, findings: Findings, *, now_s: float) -> None:
    """Warn about valid data that may be unintended."""
    sequences, name = events.sequences, interactions.source.name
    if catalogue.gone:
        findings.warn(
            f"{len(catalogue.gone):,} item(s) of the earlier catalogue are no longer among the items, such as "
            f"{quoted(catalogue.item_ids[catalogue.gone[0]])}; they keep their rows and are retired."
        )
    unseen = len(catalogue) - len(np.unique(sequences.rows))
    if unseen:
        findings.warn(f"{name}: {unseen:,} item(s) have no event; they can only be recommended by their content.")
    short = int((sequences.lengths < MIN_EVENTS).sum())
    if short:
        findings.warn(f"{name}: {short:,} user(s) have fewer than {MIN_EVENTS} events and are used for training only.")
    longest = int(sequences.lengths.max())
    if longest < MIN_EVENTS_TO_TRAIN:
        findings.warn(
            f"{name}: no user has more than {longest} events; `pocketrec train` needs at least one user with "
            f"{MIN_EVENTS_TO_TRAIN}. Provide a longer log."
        )
    _warn_times(sequences, name, findings)
    warn_about_future(sequences.timestamps, name, findings, now_s=now_s)


def _warn_times(sequences: Sequences, name: str, findings: Findings) -> None:
    times = sequences.timestamps
    early = int((times < FIRST_UNIX_TIME_S).sum())
    if is_unix_time(int(times.max())) and early:
        findings.warn(
            f"{name}: {early:,} timestamp(s) are before 1973, the others are not. Check whether dates are missing."
        )
    users = sequences.users()
    ties = int(((users[1:] == users[:-1]) & (times[1:] == times[:-1])).sum())
    if 2 * ties > sequences.n_events:
        findings.warn(
            f"{name}: {ties:,} events have the same timestamp as the one before; they keep the order of the file."
        )
