"""Reads JSON lines: one JSON object per line, in UTF-8."""

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

from train.data.findings import Findings, Source, quoted

Record = dict[str, object]


def read_json_lines(data: bytes, source: Source, findings: Findings) -> list[tuple[int, Record]]:
    """Return the valid rows with their line numbers. Blank lines are ignored."""
    decoder = msgspec.json.Decoder()
    records: list[tuple[int, Record]] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            line.decode()
            record = decoder.decode(line)
        except UnicodeDecodeError:
            message = "the line is not UTF-8. Save the file as UTF-8 (it may be Latin-1)."
            findings.bad_rows(source, "not UTF-8", [number], message)
        except (msgspec.DecodeError, RecursionError) as error:
            message = f"the line is not JSON: {error}. Write one complete JSON object per line."
            findings.bad_rows(source, "broken JSON", [number], message)
        else:
            if isinstance(record, dict):
                records.append((number, record))
            else:
                message = f'the line is {quoted(record)}; expected one JSON object, such as {{"item_id": "1"}}.'
                findings.bad_rows(source, "no JSON object", [number], message)
    return records


def text_columns(
    records: Sequence[tuple[int, Record]], names: Sequence[str], source: Source, findings: Findings
) -> tuple[pl.DataFrame, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the named columns as text, null where there is no value, and the line numbers.

    Rows with a list, an object or a boolean in one of the columns are reported and left out.
    """
    present = [name for name in names if any(name in record for _, record in records)]
    numbers: list[int] = []
    rows: list[list[str | None]] = []
    for number, record in records:
        values = [record.get(name) for name in present]
        invalid = next((i for i, value in enumerate(values) if isinstance(value, bool | list | dict)), None)
        if invalid is None:
            numbers.append(number)
            rows.append([None if value is None else str(value) for value in values])
            continue
        message = f"{present[invalid]} is {quoted(values[invalid])}; expected text or a number."
        findings.bad_rows(source, f"{present[invalid]} of a wrong type", [number], message)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(present)
    series = [pl.Series(name, values, dtype=pl.String) for name, values in zip(present, columns, strict=True)]
    return pl.DataFrame(series), np.array(numbers, dtype=np.int64)
