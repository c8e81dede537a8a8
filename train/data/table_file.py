"""Finds and reads a table of a data folder in any of the formats, with the row numbers of the file."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from edge_runtime.quiet import quiet
from train.data.delimited import read_csv
from train.data.findings import Findings, Source
from train.data.json_lines import Record, read_json_lines, text_columns
from train.data.parquet_check import is_safe
from train.data.text_file import plain_text

SUFFIXES = ("parquet", "csv", "jsonl")
_PARQUET_MAGIC = b"PAR1"
# Magic, at least one byte of footer, its length, magic.
_SMALLEST_PARQUET = 13


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of a file: a frame from Parquet (typed) or CSV (text), or records from JSON lines.

    Attributes:
        source: the file and its unit.
        n_rows: number of rows of the file, including invalid ones.
        frame: valid rows; None for JSON lines.
        numbers: int64, row number in the file for each row of ``frame``.
        records: valid rows of JSON lines, with their numbers.
    """

    source: Source
    n_rows: int
    frame: pl.DataFrame | None
    numbers: npt.NDArray[np.int64]
    records: tuple[tuple[int, Record], ...] = ()

    def names(self) -> list[str]:
        """Return the column names in file order."""
        if self.frame is not None:
            return self.frame.columns
        return list(dict.fromkeys(name for _, record in self.records for name in record))

    def columns(self, names: Sequence[str], findings: Findings) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
        """Return the named columns, as far as they exist, and the row numbers."""
        if self.frame is not None:
            return self.frame.select(name for name in names if name in self.frame.columns), self.numbers
        return text_columns(self.records, names, self.source, findings)

    def rows(self) -> Sequence[tuple[int, Record]]:
        """Return every row as a dictionary, with its number."""
        if self.frame is None:
            return self.records
        return list(zip(self.numbers.tolist(), self.frame.iter_rows(named=True), strict=True))


def find_table(folder: Path, stem: str, findings: Findings) -> Path | None:
    """Return the only existing file of ``folder/stem.{parquet,csv,jsonl}``; None, and a problem, otherwise."""
    paths = [folder / f"{stem}.{suffix}" for suffix in SUFFIXES]
    existing = [path for path in paths if path.exists() or path.is_symlink()]
    if not existing:
        near = sorted(path.name for path in folder.iterdir() if path.name.lower().startswith(stem[:4]))
        hint = f" Found {', '.join(near[:3])}; rename or unpack it." if near else ""
        choices = ", ".join(f"{stem}.{suffix}" for suffix in SUFFIXES)
        findings.bad_file(stem, f"the file is missing; expected one of {choices}.{hint}")
        return None
    if len(existing) > 1:
        names = " and ".join(path.name for path in existing)
        findings.bad_file(stem, f"{names} both exist; expected one of them. Keep one.")
        return None
    if not existing[0].is_file():
        findings.bad_file(existing[0].name, "this is a folder, a pipe, a device or a broken link; expected a file.")
        return None
    return existing[0]


def read_bytes(path: Path, findings: Findings) -> bytes | None:
    """Return the bytes of a file; None, and a problem, if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        findings.bad_file(path.name, f"the file cannot be read: {error.strerror}. Check its permissions.")
        return None


def read_table(name: str, data: bytes, findings: Findings) -> Table | None:
    """Parse the contents of the file ``name`` according to its suffix; None, and a problem, if that fails."""
    if name.endswith(".parquet"):
        return _read_parquet(data, Source(name, "row"), findings)
    source = Source(name, "line")
    text = plain_text(data, source, findings)
    if text is None:
        return None
    table = _read_jsonl(text, source, findings) if name.endswith(".jsonl") else _read_csv(text, source, findings)
    if table is not None and table.n_rows == 0:
        findings.bad_file(name, "the file has a header and no rows. Write at least one row.")
        return None
    return table


def _read_csv(text: bytes, source: Source, findings: Findings) -> Table | None:
    parsed = read_csv(text, source, findings)
    if parsed is None:
        return None
    frame, numbers = parsed
    return Table(source, _count_lines(text) - 1, frame, numbers)


def _read_jsonl(text: bytes, source: Source, findings: Findings) -> Table | None:
    if text.lstrip()[:1] == b"[":
        findings.bad_file(source.name, "the file begins with '[', like a JSON array. Write one JSON object per line.")
        return None
    records = read_json_lines(text, source, findings)
    return Table(source, _count_lines(text), None, np.empty(0, dtype=np.int64), tuple(records))


def _count_lines(text: bytes) -> int:
    return sum(1 for line in text.split(b"\n") if line.strip())


def _read_parquet(data: bytes, source: Source, findings: Findings) -> Table | None:
    if len(data) == 0:
        findings.bad_file(source.name, "the file is empty. Write at least one row, or remove the file.")
        return None
    if len(data) < _SMALLEST_PARQUET or data[:4] != _PARQUET_MAGIC or data[-4:] != _PARQUET_MAGIC:
        findings.bad_file(source.name, "the file is not Parquet, or is incomplete. Write it again.")
        return None
    if not is_safe(data):
        findings.bad_file(source.name, "the file is damaged: reading it ends the process. Write it again.")
        return None
    try:
        with quiet():  # for some damaged files, Polars prints a stack trace before it raises
            frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        findings.bad_file(source.name, f"the file is damaged: {reason}. Write it again.")
        return None
    if frame.is_empty():
        findings.bad_file(source.name, "the file has columns and no rows. Write at least one row.")
        return None
    return Table(source, len(frame), frame, np.arange(1, len(frame) + 1, dtype=np.int64))
