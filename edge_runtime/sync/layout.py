"""Checks what is in a device folder before a sync writes into it."""

import stat
from pathlib import Path
from typing import Final

from edge_runtime.device_folder import CURRENT, SLOTS
from edge_runtime.errors import SyncError

LOCK: Final = "lock"
INCOMING: Final = "incoming"
TRUSTED: Final = "trusted.sqlite"
DOCUMENTS: Final = "documents"
RECEIPTS: Final = "receipts.jsonl"
REFUSED: Final = "refused.json"
UNFINISHED: Final = ".new"

_MARKS: Final = frozenset({LOCK, CURRENT, TRUSTED, RECEIPTS})
"""A sync creates the first of these before anything else."""
_UNFINISHED: Final = frozenset(name + UNFINISHED for name in (CURRENT, TRUSTED, REFUSED))
_OF_SQLITE: Final = frozenset(
    name + suffix for name in (TRUSTED, TRUSTED + UNFINISHED) for suffix in ("-journal", "-wal", "-shm")
)
_OWN: Final = _MARKS | _UNFINISHED | _OF_SQLITE | {SLOTS, INCOMING, DOCUMENTS, REFUSED}
"""After a power cut these may be there without the lock: a disk keeps names in any order."""
_ON_EVERY_DISK: Final = "lost+found"

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def check_folder(into: Path) -> None:
    """Check that a folder is a device's, or empty, and that nothing is in place of its files.

    Raises:
        SyncError: it has files and no sync has written into it, or something else is in place of one of its files.
    """
    require_folder(into)
    names = {path.name for path in into.iterdir() if path.name[0] != "."} if into.exists() else set()
    foreign = sorted(names - _OWN - {_ON_EVERY_DISK})
    if foreign and not names & _MARKS:
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise SyncError(
            f"{into}: found {foreign[0]!r}{more}, expected an empty folder or one that `pocketrec sync` fills. "
            "Choose another folder with --into; nothing was changed."
        )
    for name in (LOCK, TRUSTED, RECEIPTS, REFUSED):
        require_file(into / name)
    require_real_folder(into / DOCUMENTS)


def require_real_folder(path: Path) -> None:
    """Check that a path is a folder, if it exists; what a link leads to is not a sync's to delete from.

    Raises:
        SyncError: it is something else.
    """
    if path.is_symlink():
        raise _refusal(path, "a folder")
    require_folder(path)


def require_folder(path: Path) -> None:
    """Check that a path is a folder, or a link to one, if it exists.

    Raises:
        SyncError: it is something else.
    """
    if (path.exists() or path.is_symlink()) and not path.is_dir():
        raise _refusal(path, "a folder")


def require_file(path: Path) -> None:
    """Check that a path is a regular file if it exists; a link could lead to a device that never ends.

    Raises:
        SyncError: it is something else.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise _refusal(path, "a file")


def _refusal(path: Path, expected: str) -> SyncError:
    found = _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")
    return SyncError(f"{path}: found {found}, expected {expected}. Move it away or remove it, and sync again.")
