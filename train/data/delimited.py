"""Reads CSV: UTF-8, a header line, commas, double quotes where a value needs them. Every value stays text.

Files without a quote, which is nearly every log, are checked line by line with numpy and parsed by Polars; the others
go through the csv module, because only a real parser knows which line a quoted value stands in. Where a value never
holds a line end, :func:`read_lines` reads line by line, and a quote that is left open spoils its own line alone.
"""

import csv
import io

import numpy as np
import numpy.typing as npt
import polars as pl

from train.data.findings import Findings, Source, quoted
from train.data.text_file import bad_utf8

_NEWLINE, _COMMA = ord("\n"), ord(",")
_OTHER_DELIMITERS = (";", "\t", "|")
_LONGEST_VALUE = 1 << 20
_MOST_NAMES = 6

Numbered = tuple[pl.DataFrame, npt.NDArray[np.int64]]


def read_csv(data: bytes, source: Source, findings: Findings) -> Numbered | None:
    """Return the good rows as text, null where empty, and their line numbers; None if the file is no table."""
    names = read_header(data, source, findings)
    if names is None:
        return None
    if b'"' in data:
        return _quoted(data, names, source, findings)
    return _plain(data, names, source, findings)


def read_lines(
    data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool = True
) -> Numbered:
    """Return the good rows of a file in which every line is a row, as :func:`read_csv` does."""
    if b'"' in data:
        return _quoted_lines(data, names, source, findings, has_header=has_header)
    return _plain(data, names, source, findings, has_header=has_header)


def read_header(data: bytes, source: Source, findings: Findings) -> list[str] | None:
    """Return the names in the first line; None, and a problem, if it is no header."""
    first = data.split(b"\n", 1)[0]
    try:
        names = next(csv.reader([first.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        findings.refuse(source.name, f"the header, line 1, cannot be read: {error}. Save the file as UTF-8 CSV.")
        return None
    if len(names) == 1:
        for delimiter in _OTHER_DELIMITERS:
            if delimiter in names[0]:
                findings.refuse(
                    source.name,
                    f"the header, line 1, is {quoted(names[0])}: columns seem to be separated by {delimiter!r}. "
                    "Write the file with commas.",
                )
                return None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        findings.refuse(source.name, f"the header, line 1, names column {quoted(twice[0])} twice. Remove one.")
        return None
    return names


def _plain(data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool = True) -> Numbered:
    """Parse a file that holds no quote: every line is a row."""
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


def _quoted(data: bytes, names: list[str], source: Source, findings: Findings) -> Numbered | None:
    """Parse a file that quotes some values, which may then hold commas and line ends."""
    bad = bad_utf8(data, data.count(b"\n") + 1, source, findings)
    reader = csv.reader(io.StringIO(data.decode(errors="replace"), newline=""), strict=True)
    csv.field_size_limit(_LONGEST_VALUE)
    numbers, rows, begun = [], [], 1
    try:
        next(reader)
        begun = reader.line_num + 1
        for row in reader:
            if len(row) != len(names):
                _report_ragged(np.array([begun][: len(row)]), np.array([len(row)]), names, source, findings)
            elif not bad[begun - 1 : reader.line_num].any():
                numbers.append(begun)
                rows.append([value or None for value in row])
            begun = reader.line_num + 1
    except csv.Error as error:
        findings.refuse(
            source.name,
            f"the row that begins in line {begun} has a broken quote ({error}). Close the quote, or double the "
            'quotes inside of the value ("").',
        )
        return None
    return _numbered(numbers, rows, names)


def _quoted_lines(data: bytes, names: list[str], source: Source, findings: Findings, *, has_header: bool) -> Numbered:
    """Parse a file that quotes some values, line by line."""
    csv.field_size_limit(_LONGEST_VALUE)
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
            message = f"the line has a broken quote ({error}). Close the quote, or double the quotes inside of it."
            findings.bad_rows(source, "broken quote", [number], message)
            continue
        if len(row) != len(names):
            _report_ragged(np.array([number]), np.array([len(row)]), names, source, findings)
            continue
        numbers.append(number)
        rows.append([value or None for value in row])
    return _numbered(numbers, rows, names)


def _numbered(numbers: list[int], rows: list[list[str | None]], names: list[str]) -> Numbered:
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
    columns = ", ".join(quoted(name) for name in names[:_MOST_NAMES])
    message = f"the line has {n_values[0]} values, the header {len(names)} ({columns}). Quote values that hold a comma."
    findings.bad_rows(source, "wrong number of values", numbers, message)
