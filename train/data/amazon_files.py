"""Finds the files of Amazon reviews, and reads them line by line into records. Knows no field of a record."""

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
_MOST_LINE_BYTES = 4 << 20
# A Python literal is parsed by a parser made for programs, so only a line of a sane length is given to it.
_MOST_LITERAL_BYTES = 256 << 10
_GZIP_MARK = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"


def find_files(source: Path) -> tuple[Path, Path]:
    """Return the reviews file and the ``meta*`` file of a folder, or a reviews file and the ``meta*`` file beside it.

    Raises:
        DataError: one of them is missing, or it is unclear which one.
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
            f"{source}: found {found}; expected one reviews file ({', '.join(_SUFFIXES)}) and one meta* file beside "
            "it, without which no item has a title. Download the metadata of the same category, and put the two into a "
            "folder."
        )
    return reviews[0], metadata[0]


def read_lines(path: Path, source: Source, findings: Findings) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers, of a file that may be gzipped.

    Raises:
        DataError: the gzip file is damaged.
    """
    try:
        with _opened(path) as stream:
            for number in itertools.count(1):
                line = stream.readline(_MOST_LINE_BYTES)
                if not line:
                    return
                if len(line) == _MOST_LINE_BYTES and not line.endswith(b"\n"):
                    _pass_over_line(stream)
                    message = f"the line has over {_MOST_LINE_BYTES:,} bytes, which no official line has."
                    findings.bad_rows(source, "overlong line", [number], message)
                elif line.strip():
                    yield number, line.removeprefix(_UTF8_MARK) if number == 1 else line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file is damaged: {error}. Download it again.") from error


def read_record(line: bytes) -> Record | None:
    """Return a line as a dictionary: JSON, or else a Python literal, which ``ast`` reads without running anything.

    Texts may hold surrogates without their other half, which neither JSON nor Python forbids.
    """
    try:
        value: object = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(line) > _MOST_LITERAL_BYTES:
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
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _opened(path: Path) -> BinaryIO:
    with open_file(path) as stream:
        packed = stream.read(len(_GZIP_MARK)) == _GZIP_MARK
    return cast(BinaryIO, gzip.open(path)) if packed or path.name.endswith(".gz") else path.open("rb")


def _pass_over_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(_MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass
