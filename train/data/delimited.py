"""Reads CSV in UTF-8 with a header line, commas and double quotes; all values are text.

Files without quotes, which most logs are, are checked with numpy and parsed by Polars. Others are parsed by the csv
module, which keeps track of the lines of quoted values. Where no value contains a line break, :func:`read_lines` parses
line by line, so that an unclosed quote only invalidates its own line.
"""

import csv
import io
from collections import Counter

import numpy as np
import numpy.typing as npt
import polars as pl

from train.data.findings import Findings, Source, quoted
from train.data.text_file import bad_utf8

_NEWLINE, _COMMA = ord("\n"), ord(",")
_OTHER_DELIMITERS = (";", "\t", "|")
_MAX_VALUE_BYTES = 1 << 20
_MAX_NAMES = 6
_MAX_COLUMNS = 10_000

NumberedRows = tuple[pl.DataFrame, npt.NDArray[np.int64]]


def read_csv(data: bytes, source: Source, findings: Findings) -> NumberedRows | None:
    """Return the valid rows as text, null where empty, and their line numbers; None, and a problem, on failure."""
    names = read_header(data, source, findings)
    if names is None:
        return None
    if b'"' in data:
        return _quoted(data, names, source, findings)
    return _plain(data, names, source, findings)


def read_lines(
    data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool = True
) -> NumberedRows:
    """Return the valid rows of a file in which every line is a row; otherwise as :func:`read_csv`."""
    if b'"' in data:
        return _quoted_lines(data, names, source, findings, has_header=has_header)
    return _plain(data, names, source, findings, has_header=has_header)


def read_header(data: bytes, source: Source, findings: Findings) -> list[str] | None:
    """Return the column names in the first line; None, and a problem, if it is not a header."""
    first = data.split(b"\n", 1)[0]
    try:
        names = next(csv.reader([first.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        findings.bad_file(source.name, f"the header, line 1, cannot be read: {error}. Save the file as UTF-8 CSV.")
        return None
    if len(names) == 1:
        for delimiter in _OTHER_DELIMITERS:
            if delimiter in names[0]:
                findings.bad_file(
                    source.name,
                    f"the header, line 1, is {quoted(names[0])}: columns seem to be separated by {delimiter!r}. "
                    "Write the file with commas.",
                )
                return None
    if len(names) > _MAX_COLUMNS:
        message = f"the header, line 1, has {len(names):,} columns, expected at most {_MAX_COLUMNS:,}. Remove some."
        findings.bad_file(source.name, message)
        return None
    duplicates = sorted(name for name, count in Counter(names).items() if count > 1)
    if duplicates:
        findings.bad_file(source.name, f"the header, line 1, names column {quoted(duplicates[0])} twice. Remove one.")
        return None
    return names


def _plain(
    data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool = True
) -> NumberedRows:
    """Parse a file without quotes: every line is a row."""
    body = data if data.endswith(b"\n") else data + b"\n"
    octets = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    n_commas = np.searchsorted(np.flatnonzero(octets == _COMMA), np.stack((starts, ends)))
    n_values = n_commas[1] - n_commas[0] + 1
    blank = ends == starts
    ragged = (n_values != len(names)) & ~blank
    _report_ragged(np.flatnonzero(ragged) + 1, n_values[ragged], names, source, findings)
    good = ~(blank | ragged | bad_utf8(body, len(ends), source, findings))
    good[0] &= not has_header
    numbers = np.flatnonzero(good) + 1
    lines = body[ends[0] + 1 :] if has_header else body
    if len(numbers) != len(ends) - has_header:
        lines = b"".join(body[starts[i] : ends[i] + 1] for i in numbers - 1)
    return _parse_plain(lines, names), numbers


def _parse_plain(lines: bytes, names: list[str]) -> pl.DataFrame:
    if not lines:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.read_csv(lines, has_header=False, schema=dict.fromkeys(names, pl.String), quote_char=None)


def _quoted(data: bytes, names: list[str], source: Source, findings: Findings) -> NumberedRows | None:
    """Parse a file with quoted values, which may contain commas and line breaks."""
    bad = bad_utf8(data, data.count(b"\n") + 1, source, findings)
    reader = csv.reader(io.StringIO(data.decode(errors="replace"), newline=""), strict=True)
    csv.field_size_limit(_MAX_VALUE_BYTES)
    numbers, rows, start = [], [], 1
    try:
        next(reader)
        start = reader.line_num + 1
        for row in reader:
            if len(row) != len(names):
                _report_ragged(np.array([start][: len(row)]), np.array([len(row)]), names, source, findings)
            elif not bad[start - 1 : reader.line_num].any():
                numbers.append(start)
                rows.append([value or None for value in row])
            start = reader.line_num + 1
    except csv.Error as error:
        findings.bad_file(
            source.name,
            f"the row that begins in line {start} has an invalid quote ({error}). Close the quote, or double the "
            'quotes inside the value ("").',
        )
        return None
    return _numbered_rows(numbers, rows, names)


def _quoted_lines(
    data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool
) -> NumberedRows:
    """Parse a file with quoted values line by line."""
    csv.field_size_limit(_MAX_VALUE_BYTES)
    lines = data.split(b"\n")
    bad = bad_utf8(data, len(lines), source, findings)
    numbers: list[int] = []
    rows: list[list[str | None]] = []
    for number, line in enumerate(lines, start=1):
        if bad[number - 1] or not line.strip() or (has_header and number == 1):
            continue
        try:
            row = next(csv.reader([line.decode()], strict=True, skipinitialspace=True))
        except csv.Error as error:
            message = (
                f"the line has an invalid quote ({error}). Close the quote, or double the quotes inside the value."
            )
            findings.bad_rows(source, "broken quote", [number], message)
            continue
        if len(row) != len(names):
            _report_ragged(np.array([number]), np.array([len(row)]), names, source, findings)
            continue
        numbers.append(number)
        rows.append([value or None for value in row])
    return _numbered_rows(numbers, rows, names)


def _numbered_rows(numbers: list[int], rows: list[list[str | None]], names: list[str]) -> NumberedRows:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    series = [pl.Series(name, values, dtype=pl.String) for name, values in zip(names, columns, strict=True)]
    return pl.DataFrame(series), np.array(numbers, dtype=np.int64)


def _report_ragged(
    numbers: npt.NDArray[np.int64],
    n_values: npt.NDArray[np.int64],
    names: list[str],
    source: Source,
    findings: Findings,
) -> None:
    if len(numbers) == 0:
        return
    columns = ", ".join(quoted(name) for name in names[:_MAX_NAMES])
    message = (
        f"the line has {n_values[0]} values, the header {len(names)} ({columns}). Quote values that contain a comma."
    )
    findings.bad_rows(source, "wrong number of values", numbers, message)
