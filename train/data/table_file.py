"""Finds and reads one table of a data folder, whatever its format, into rows that still know their number."""

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
from train.data.text_file import plain_text

SUFFIXES = ("parquet", "csv", "jsonl")
_PARQUET_MARK = b"PAR1"
# Magic, at least one byte of footer, its length, magic.
_SMALLEST_PARQUET = 13


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of one file: a frame from Parquet (typed) and CSV (text), or records from JSON lines.

    Attributes:
        source: the file, and what its rows are called.
        n_rows: rows of the file, the broken ones included.
        frame: the good rows; None for JSON lines.
        numbers: int64, the number of each row of ``frame`` in the file.
        records: the good rows of JSON lines with their numbers.
    """

    source: Source
    n_rows: int
    frame: pl.DataFrame | None
    numbers: npt.NDArray[np.int64]
    records: tuple[tuple[int, Record], ...] = ()

    def names(self) -> list[str]:
        """Return the columns, in the order of the file."""
        if self.frame is not None:
            return self.frame.columns
        return list(dict.fromkeys(name for _, record in self.records for name in record))

    def columns(self, names: Sequence[str], findings: Findings) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
        """Return those of the named columns that there are, and the row numbers."""
        if self.frame is not None:
            return self.frame.select(name for name in names if name in self.frame.columns), self.numbers
        return text_columns(self.records, names, self.source, findings)

    def rows(self) -> Sequence[tuple[int, Record]]:
        """Return every row as a dictionary, with its number."""
        if self.frame is None:
            return self.records
        return list(zip(self.numbers.tolist(), self.frame.iter_rows(named=True), strict=True))


def find_table(folder: Path, stem: str, findings: Findings) -> Path | None:
    """Return ``folder/stem.{parquet,csv,jsonl}``, the one that there is; None, and a problem, otherwise."""
    paths = [folder / f"{stem}.{suffix}" for suffix in SUFFIXES]
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if not there:
        near = sorted(path.name for path in folder.iterdir() if path.name.lower().startswith(stem[:4]))
        hint = f" Found {', '.join(near[:3])}; rename or unpack it." if near else ""
        choices = ", ".join(f"{stem}.{suffix}" for suffix in SUFFIXES)
        findings.refuse(stem, f"the file is missing; expected one of {choices}.{hint}")
        return None
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        findings.refuse(stem, f"{names} both stand here, and it is unclear which one counts. Keep one.")
        return None
    if not there[0].is_file():
        findings.refuse(there[0].name, "this is a folder, a pipe, a device or a broken link; expected a file.")
        return None
    return there[0]


def read_bytes(path: Path, findings: Findings) -> bytes | None:
    """Return the bytes of a file; None, and a problem, if the system refuses."""
    try:
        return path.read_bytes()
    except OSError as error:
        findings.refuse(path.name, f"the file cannot be read: {error.strerror}. Check its permissions.")
        return None


def read_table(name: str, data: bytes, findings: Findings) -> Table | None:
    """Parse the bytes of the file ``name``, whose suffix says how; None, and a problem, if it is no table."""
    if name.endswith(".parquet"):
        return _read_parquet(data, Source(name, "row"), findings)
    source = Source(name, "line")
    text = plain_text(data, source, findings)
    if text is None:
        return None
    table = _read_jsonl(text, source, findings) if name.endswith(".jsonl") else _read_csv(text, source, findings)
    if table is not None and table.n_rows == 0:
        findings.refuse(name, "the file holds a header and no row. Write at least one row.")
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
        findings.refuse(source.name, "the file begins with '[', as one JSON array does. Write one JSON object a line.")
        return None
    records = read_json_lines(text, source, findings)
    return Table(source, _count_lines(text), None, np.empty(0, dtype=np.int64), tuple(records))


def _count_lines(text: bytes) -> int:
    return sum(1 for line in text.split(b"\n") if line.strip())


def _read_parquet(data: bytes, source: Source, findings: Findings) -> Table | None:
    if len(data) == 0:
        findings.refuse(source.name, "the file is empty. Write at least one row, or remove the file.")
        return None
    if len(data) < _SMALLEST_PARQUET or data[:4] != _PARQUET_MARK or data[-4:] != _PARQUET_MARK:
        findings.refuse(source.name, "the file is no Parquet, or its end was cut off. Write it again.")
        return None
    try:
        with quiet():  # Polars prints a stack trace of its own before it raises on some damaged files
            frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        findings.refuse(source.name, f"the file is damaged: {reason}. Write it again.")
        return None
    if frame.is_empty():
        findings.refuse(source.name, "the file holds columns and no row. Write at least one row.")
        return None
    return Table(source, len(frame), frame, np.arange(1, len(frame) + 1, dtype=np.int64))
