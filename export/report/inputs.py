"""Reads the inputs of a report: JSON of ``verify``, ``profile`` and ``fit``."""

from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, field

from edge_runtime.profiling.report import Profile
from export.errors import ReportError
from export.verify import Verification

MAX_BYTES: Final = 64 << 20
FIT_FILE: Final = "fit.json"

T = TypeVar("T")


class FitPoint(Struct, frozen=True):
    """A point of the search for sizes."""

    point: str
    ranking_bytes: int
    ndcg: float = field(name="valid_ndcg@10")
    budget: str | None = None


class FitBaseline(Struct, frozen=True):
    """A table of rows instead of codes."""

    name: str
    n_bytes: int
    ndcg: float


class Fit(Struct, frozen=True):
    """What a report shows of ``pocketrec fit``."""

    points: tuple[FitPoint, ...]
    pareto_front: tuple[FitPoint, ...]
    best: tuple[FitPoint, ...] = ()
    baselines: tuple[FitBaseline, ...] = ()


def read_verification(path: Path) -> Verification:
    """Return what ``pocketrec verify --json`` printed.

    Raises:
        ReportError: the file cannot be read, or is something else.
    """
    return _read(path, Verification, "pocketrec verify --json")


def read_profile(path: Path) -> Profile:
    """Return what ``pocketrec profile --json`` printed.

    Raises:
        ReportError: the file cannot be read, or is something else.
    """
    return _read(path, Profile, "pocketrec profile --json")


def read_fit(folder: Path) -> Fit:
    """Return the result in a folder of ``pocketrec fit``.

    Raises:
        ReportError: there is none, or it is something else.
    """
    return _read(folder / FIT_FILE, Fit, "pocketrec fit")


def _read(path: Path, kind: type[T], origin: str) -> T:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ReportError(
                f"{path}: found {size:,} bytes, expected at most {MAX_BYTES:,}. Give a file of `{origin}`."
            )
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}). Give a file of `{origin}`.") from error
    except msgspec.MsgspecError as error:
        raise ReportError(f"{path}: {error}. Give what `{origin}` wrote.") from error
