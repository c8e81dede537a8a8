"""A cache of computed features on disk, keyed by the digest of everything that determines them.

Each entry is a folder named by its key, with ``vectors.npy``, ``present.npy`` and ``entry.json``, which holds the
digests of the two. It is written to a temporary folder and renamed when complete, verified before use, and read through
a memory map. Entries may be deleted at any time and never become stale: a changed picture has another key.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from train.errors import RunError
from train.items.blocks import TokenLayout
from train.items.digests import file_digest
from train.items.features import Features
from train.loop.finite import first_not_finite
from train.loop.runs import write_json

_FORMAT = 1
_VECTORS, _PRESENT, _ENTRY = "vectors.npy", "present.npy", "entry.json"
# Disk space that must stay free: a full disk under a memory map kills the process.
_SPARE_BYTES = 64 * 2**20


def features_key(extractor: str, layout: TokenLayout, digests: Iterable[bytes]) -> str:
    """Return the key of an extractor's features for inputs with these digests, 64 hex digits."""
    key = hashlib.sha256(json.dumps([_FORMAT, extractor, *layout.shape]).encode() + b"\n")
    for row, token, digest in zip(layout.rows, layout.tokens, digests, strict=True):
        key.update(f"{row} {token} {digest.hex()}\n".encode())
    return key.hexdigest()


def read_features(entry: Path, extractor: str, shape: tuple[int, int]) -> Features | None:
    """Return the features in ``entry``, or None if they are missing, do not match, or are damaged.

    The vectors are a copy-on-write memory map: writes change neither the file nor other processes.
    """
    if not entry.is_dir():
        return None
    try:
        about = json.loads((entry / _ENTRY).read_text("utf-8"))
        if any(about["sha256"][name] != file_digest(entry / name).hex() for name in (_VECTORS, _PRESENT)):
            raise ValueError("a digest differs")
        features = _open(entry, extractor)
        if features.present.shape != shape or about["extractor"] != extractor:
            raise ValueError(f"it is of {about['extractor']!r} and shape {features.present.shape}")
        if first_not_finite(features.vectors) is not None:
            raise ValueError("a vector is not finite")
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        warnings.warn(f"{entry}: cached features are damaged ({error}); computing them again.", stacklevel=2)
        return None
    return features


def write_features(
    entry: Path,
    extractor: str,
    shape: tuple[int, int, int],
    fill: Callable[[NDArray[np.float32], NDArray[np.bool_]], None],
) -> Features:
    """Let ``fill`` write vectors and presence, initially zeros, and save them as ``entry`` on success.

    Raises:
        RunError: there is not enough disk space.
        OSError: the folder cannot be written to.
    """
    with TemporaryDirectory(prefix=".new-", dir=entry.parent, ignore_cleanup_errors=True) as aside:
        fresh = Path(aside) / "entry"
        fresh.mkdir()
        _check_room(entry.parent, 4 * int(np.prod(shape)))
        vectors = np.lib.format.open_memmap(fresh / _VECTORS, mode="w+", dtype=np.float32, shape=shape)
        present = np.zeros(shape[:2], dtype=np.bool_)
        fill(vectors, present)
        vectors.flush()
        del vectors
        np.save(fresh / _PRESENT, present)
        digests = {name: file_digest(fresh / name).hex() for name in (_VECTORS, _PRESENT)}
        write_json(fresh / _ENTRY, {"extractor": extractor, "sha256": digests})
        _move(fresh, entry)
    return _open(entry, extractor)


def _check_room(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes + _SPARE_BYTES:
        raise RunError(
            f"{folder}: {free / 2**20:,.0f} MiB are free, but the items' features need {n_bytes / 2**20:,.0f} MiB; "
            "delete old entries in that folder."
        )


def _move(fresh: Path, entry: Path) -> None:
    """Move a complete entry to its path, replacing a damaged one; one that another process has just written is kept.

    Processes may write the same entry at once, for which :func:`edge_runtime.files.replacing_folder` is not made.
    """
    if entry.exists():
        shutil.rmtree(entry, ignore_errors=True)
    try:
        fresh.rename(entry)
    except OSError:
        if not entry.exists():
            raise


def _open(entry: Path, extractor: str) -> Features:
    vectors = np.load(entry / _VECTORS, mmap_mode="c", allow_pickle=False)
    present = np.load(entry / _PRESENT, allow_pickle=False)
    if vectors.dtype != np.float32 or present.dtype != np.bool_:
        raise ValueError(f"it holds {vectors.dtype} and {present.dtype}")
    return Features(extractor, vectors, present)
