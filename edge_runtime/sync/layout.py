"""Checks what is in a device folder before a sync writes into it."""

import stat
from pathlib import Path

from edge_runtime.errors import SyncError

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


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
