"""Resolves the picture paths of an items file, which must be inside the data folder. Does not open the pictures."""

import os
from pathlib import Path, PurePosixPath

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class OutsideError(ValueError):
    """A path that leads out of the folder, or may lead out of it."""


class PictureFolder:
    """The files below a folder. Each directory is listed once, which is faster than a check of every file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._listings: dict[str, dict[str, bool]] = {}

    def find(self, name: str) -> Path | None:
        """Return the file ``name``, relative to the folder; None if there is no such file.

        Raises:
            OutsideError: the path is absolute, contains ``..``, or follows a link out of the folder.
        """
        path = self._inside(name)
        parent, last = str(path.parent), path.name
        is_link = self._files(parent).get(last)
        if is_link is None:
            return None
        full_path = self._root / path
        if is_link:
            self._check_real(full_path, name)
        return full_path

    def frames(self, name: str) -> tuple[Path, ...]:
        """Return the pictures in the folder ``name``, sorted, or the picture ``name``; empty if neither exists."""
        path = self._inside(name)
        listing = self._files(str(path))
        if not listing:
            one = self.find(name)
            return () if one is None or one.suffix.lower() not in SUFFIXES else (one,)
        frames = [self.find(f"{name}/{file}") for file in sorted(listing) if file.lower().endswith(SUFFIXES)]
        return tuple(frame for frame in frames if frame is not None)

    def _inside(self, name: str) -> PurePosixPath:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or name[1:2] == ":":
            raise OutsideError(name)
        return path

    def _check_real(self, path: Path, name: str) -> None:
        real = os.path.realpath(path)
        if os.path.commonpath((real, self._real_root)) != self._real_root:
            raise OutsideError(name)

    def _files(self, parent: str) -> dict[str, bool]:
        """Return for each file of a directory whether it is a link."""
        if parent not in self._listings:
            self._listings[parent] = self._list(parent)
        return self._listings[parent]

    def _list(self, parent: str) -> dict[str, bool]:
        directory = self._root / parent
        self._check_real(directory, parent)
        try:
            with os.scandir(directory) as entries:
                return {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}
        except OSError:  # no such directory, or the name is too long
            return {}
