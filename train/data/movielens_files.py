"""Opens a MovieLens download, a folder or zip, and finds its files by name."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from train.errors import DataError

# The largest official file, ratings.csv of 32M, has 877 MB.
_MAX_BYTES = 4 << 30
_LAYOUTS = (("ratings.dat", "movies.dat"), ("ratings.csv", "movies.csv"))


@dataclass(frozen=True, slots=True)
class Download:
    """The two relevant files of a download.

    Attributes:
        ratings: name of the file of ratings.
        movies: name of the file of films.
        read: returns the bytes of a file, by name.
    """

    ratings: str
    movies: str
    read: Callable[[str], bytes]


def open_download(source: Path) -> Download:
    """Find the two files of one layout.

    Raises:
        DataError: the source is neither a folder nor a zip, or does not have exactly one of the layouts.
    """
    names, read = _open(source)
    layouts = [layout for layout in _LAYOUTS if set(layout) <= set(names)]
    found = ", ".join(sorted(names)[:6]) or "nothing"
    if not layouts:
        raise DataError(
            f"{source}: found {found}; expected ratings.dat and movies.dat, or ratings.csv and movies.csv, as in the "
            "official archives ml-1m, ml-10m, ml-20m, ml-25m, ml-32m or ml-latest."
        )
    duplicates = [name for name in layouts[0] if names.count(name) > 1]
    if duplicates or len(layouts) > 1:
        raise DataError(
            f"{source}: found {duplicates[0] + ' twice' if duplicates else found}; expected one data "
            "set. Import them one by one."
        )
    return Download(*layouts[0], read)


def _open(source: Path) -> tuple[list[str], Callable[[str], bytes]]:
    if source.is_dir():
        return [path.name for path in source.iterdir() if path.is_file()], lambda name: (source / name).read_bytes()
    if not source.exists():
        raise DataError(f"{source}: found nothing; expected a folder or zip of MovieLens. Check the path.")
    if not source.is_file():
        raise DataError(f"{source}: found a device or a pipe; expected a folder or zip of MovieLens. Check the path.")
    with _zip(source) as archive:
        paths = [PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir()]
    members = [path for path in paths if "__MACOSX" not in path.parts]

    def read(name: str) -> bytes:
        member = next(path for path in members if path.name == name)
        with _zip(source) as archive, archive.open(str(member)) as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise DataError(f"{source}: {name} is over {_MAX_BYTES:,} bytes, more than any official file.")
        return data

    return [path.name for path in members], read


# zipfile raises many kinds on damaged archives; ValueError includes a name that is not the UTF-8 it is flagged as.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError, KeyError,
    IndexError, ValueError, OverflowError, OSError,
)  # fmt: skip


@contextmanager
def _zip(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except _DAMAGED as error:
        reason = str(error.args[0] if isinstance(error, KeyError) else error)
        raise DataError(
            f"{source}: {reason}; expected a folder or zip of MovieLens. The file is damaged: download it again."
        ) from error
