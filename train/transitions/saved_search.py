"""Keeps the results of searches for the expert's settings, so that the same search is not run twice.

A full model, its student and the baseline of a verification choose settings on the same events. Each result is a small
file named by the digest of everything that determines it, the code of this package included. Files may be deleted at
any time and never become stale.
"""

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from edge_runtime.files import write_atomically
from train.data.sequences import Sequences
from train.data.split import Targets
from train.transitions.expert import Similarities
from train.transitions.search import MAX_USERS, Chosen, choose_settings

SEARCHES: Final = Path.home() / ".cache" / "pocketrec" / "transitions"
"""Folder of the results."""


def settings_of(
    train: Sequences, valid: Targets, n_items: int, similar: Similarities, *, seed: int, max_users: int = MAX_USERS
) -> Chosen:
    """Return the result of :func:`~train.transitions.search.choose_settings`, from the folder if it was found before.

    Arguments as there.
    """
    digest = hashlib.sha256(repr((n_items, seed, max_users)).encode())
    for part in _parts(train, valid, similar):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    path = SEARCHES / f"{digest.hexdigest()}.json"
    found = _read(path)
    if found is None:
        found = choose_settings(train, valid, n_items, similar, seed=seed, max_users=max_users)
        _write(path, found)
    return found


def _parts(train: Sequences, valid: Targets, similar: Similarities) -> Iterator[bytes | memoryview]:
    arrays: list[NDArray[Any] | None] = [train.rows, train.offsets, valid.users, valid.rows]
    arrays += [valid.sequences.rows, valid.sequences.offsets, similar.text, similar.image]
    for array in arrays:
        if array is None:
            yield b"none"
        else:
            yield f"{array.dtype} {array.shape}".encode()
            yield memoryview(array.tobytes())
    yield str(valid.n_held_out).encode()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        yield source.read_bytes()


def _read(path: Path) -> Chosen | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Chosen)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        warnings.warn(f"{path}: cannot be read ({error}); searching again.", stacklevel=2)
        return None


def _write(path: Path, chosen: Chosen) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.encode(chosen))
    except OSError as error:
        warnings.warn(f"{path}: cannot be written ({error}); the next run searches again.", stacklevel=2)
