"""Reads a data folder, the one contract between a shop and this project; see ``docs/data.md``.

All checks are done before anything is raised, so that one message names everything that is wrong. Nothing but
``interactions.*``, ``items.*`` and the pictures that the items name is looked at.
"""

import hashlib
import time
from pathlib import Path

import numpy as np

from edge_runtime.paths import AnyPath
from train.data.catalogue import read_catalogue
from train.data.clock import FIRST_CLOCK_S, has_clock, warn_of_future
from train.data.dataset import Catalogue, Dataset, Report
from train.data.findings import Findings
from train.data.interactions import Events, read_events
from train.data.sequences import Sequences
from train.data.split import LEAST_EVENTS, LEAST_TO_LEARN
from train.data.table_file import Table, find_table, read_bytes, read_table
from train.errors import DataError

ITEMS, INTERACTIONS = "items", "interactions"


def read_folder(
    path: AnyPath, *, skip_bad_rows: bool = False, now_s: float | None = None, findings: Findings | None = None
) -> Dataset:
    """Read and check the folder ``path``.

    Args:
        path: holds ``interactions.{parquet,csv,jsonl}`` and ``items.{jsonl,parquet,csv}``.
        skip_bad_rows: leave out rows that break the contract, and count them in the report.
        now_s: the time in seconds since 1970, to warn of what lies in the future; by default the system's.
        findings: takes the problems and warnings, for a caller that shows them in another form.

    Raises:
        DataError: what is wrong, file by file and row by row, and what to do.
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
    catalogue = None if items is None else read_catalogue(items, path, findings)
    row_of = None if catalogue is None else catalogue.row_of()
    events = None if interactions is None else read_events(interactions, row_of, findings)
    findings.settle(str(path), skip_bad_rows=skip_bad_rows)
    if items is None or interactions is None or catalogue is None or events is None:
        raise DataError(f"{path}: the folder cannot be used. Run `pocketrec check` on it.")
    _add_rows_left_out(digest, (items, interactions), findings)
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
    """Add the numbers of the rows that were left out, so that a digest stands for what was read."""
    for table in tables:
        rows = findings.rows(table.source.name)
        if len(rows):
            digest.update(f"{table.source.name} without {len(rows)} rows\n".encode())
            digest.update(rows.astype("<i8").tobytes())


def _warn(catalogue: Catalogue, events: Events, interactions: Table, findings: Findings, *, now_s: float) -> None:
    """Note what is allowed, but a person should know."""
    sequences, name = events.sequences, interactions.source.name
    unseen = len(catalogue) - len(np.unique(sequences.rows))
    if unseen:
        findings.warn(f"{name}: {unseen:,} item(s) have no event: only their content tells where they belong.")
    short = int((sequences.lengths < LEAST_EVENTS).sum())
    if short:
        findings.warn(f"{name}: {short:,} user(s) have fewer than {LEAST_EVENTS} events: they train, but test nothing.")
    longest = int(sequences.lengths.max())
    if longest < LEAST_TO_LEARN:
        findings.warn(
            f"{name}: nobody has more than {longest} events: `pocketrec train` needs at least one user with "
            f"{LEAST_TO_LEARN}. Give a longer log."
        )
    _warn_times(sequences, name, findings)
    warn_of_future(sequences.timestamps, name, findings, now_s=now_s)


def _warn_times(sequences: Sequences, name: str, findings: Findings) -> None:
    times = sequences.timestamps
    early = int((times < FIRST_CLOCK_S).sum())
    if has_clock(int(times.max())) and early:
        findings.warn(f"{name}: {early:,} timestamp(s) lie before 1973, the others do not: are these dates missing?")
    users = sequences.users()
    ties = int(((users[1:] == users[:-1]) & (times[1:] == times[:-1])).sum())
    if 2 * ties > sequences.n_events:
        findings.warn(f"{name}: {ties:,} events share a second with the one before: their order is that of the file.")
