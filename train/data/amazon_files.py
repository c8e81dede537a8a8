"""Finds the files of an Amazon reviews data set and reads them line by line, whatever their fields."""

import ast
import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from edge_runtime.bundle.folder import open_file
from train.data.findings import Findings, Source
from train.data.json_lines import Record
from train.errors import DataError

_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_MAX_LINE_BYTES = 4 << 20
# Python's parser needs much memory for long literals, so longer lines are refused.
_MAX_LITERAL_BYTES = 256 << 10
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"


def find_files(source: Path) -> tuple[Path, Path]:
    """Return the reviews file and the ``meta*`` file of a folder, or of the folder that contains a given reviews file.

    Raises:
        DataError: one of them is missing, or there are several.
    """
    if not source.is_dir() and not source.is_file():
        raise DataError(f"{source}: found nothing; expected a folder with a reviews file. Check the path.")
    folder = source.parent if source.is_file() else source
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(_SUFFIXES))
    metadata = [path for path in files if path.name.startswith("meta")]
    reviews = [source] if source.is_file() else [path for path in files if path not in metadata]
    if len(reviews) != 1 or len(metadata) != 1:
        found = ", ".join(path.name for path in files[:6]) or "none"
        raise DataError(
            f"{source}: found {found}; expected one reviews file ({', '.join(_SUFFIXES)}) and one meta* file in "
            "the same folder, which has the titles. Download the metadata of the same category, and put both into "
            "one folder."
        )
    return reviews[0], metadata[0]


def read_lines(path: Path, source: Source, findings: Findings) -> Iterator[tuple[int, bytes]]:
    """Yield the non-blank lines of a file, which may be gzipped, with their numbers.

    Raises:
        DataError: the gzip file is damaged.
    """
    try:
        with _opened(path) as stream:
            for number in itertools.count(1):
                line = stream.readline(_MAX_LINE_BYTES)
                if not line:
                    return
                if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(stream)
                    message = f"the line has over {_MAX_LINE_BYTES:,} bytes, more than in any official file."
                    findings.bad_rows(source, "overlong line", [number], message)
                elif line.strip():
                    yield number, line.removeprefix(_UTF8_BOM) if number == 1 else line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file is damaged: {error}. Download it again.") from error


def read_record(line: bytes) -> Record | None:
    """Parse a line as JSON, or else as a Python literal with ``ast``, which runs no code; None if it is no dictionary.

    Strings may contain lone surrogates, which JSON and Python allow.
    """
    try:
        value: object = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(line) > _MAX_LITERAL_BYTES:
            return None
        value = _lenient(line)
    return value if isinstance(value, dict) else None


def _lenient(line: bytes) -> object:
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return cast(object, parse(text))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):  # TypeError: an unhashable key
            continue
    return None


def _opened(path: Path) -> BinaryIO:
    with open_file(path) as stream:
        packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path)) if packed or path.name.endswith(".gz") else path.open("rb")


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass
