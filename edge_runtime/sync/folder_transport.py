"""Reads a repository of signed releases from a folder, such as a stick or a network share, as if it were a server."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from edge_runtime.bundle.folder import open_file
from edge_runtime.errors import ServerUnreachableError
from edge_runtime.sync.transport import Response

_PREFIX: Final = "/v1/"
# The names that a repository has; none leads out of its folder.
_PATH: Final = re.compile(r"(metadata|targets|files)(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){1,3}")


class FolderTransport:
    """Transport that reads from a folder.

    Attributes:
        url: the folder.
        is_protected: always true: no byte crosses a network.
        sent: always empty.

    Args:
        folder: the repository.
    """

    is_protected: Final = True

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self.sent: list[bytes] = []
        self._folder = folder

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[Response]:
        """Read ``path``; see :class:`~edge_runtime.sync.transport.Transport`."""
        name = path.removeprefix(_PREFIX)
        if not _PATH.fullmatch(name):
            yield _NoFile()
            return
        try:
            stream = open_file(self._folder / name)
        except FileNotFoundError as error:
            if not self._folder.is_dir():
                raise ServerUnreachableError(
                    f"{self._folder}: there is no such folder. Connect the medium, and sync again."
                ) from error
            yield _NoFile()
            return
        except OSError as error:
            raise _unreadable(self._folder / name, error) from error
        with stream:
            yield _File(stream, self._folder / name)

    def post(self, path: str, body: bytes, *, within_s: float) -> int:
        """Send nothing: nobody answers in a folder."""
        return 404

    def close(self) -> None:
        """Do nothing: no file stays open."""


class _NoFile:
    status = 404

    def header(self, name: str) -> str | None:
        return None

    def read(self, n_bytes: int) -> bytes:
        return b""


class _File:
    status = 200

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream, self._path = stream, path

    def header(self, name: str) -> str | None:
        return None

    def read(self, n_bytes: int) -> bytes:
        try:
            return self._stream.read(n_bytes)
        except OSError as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: Path, error: OSError) -> ServerUnreachableError:
    return ServerUnreachableError(f"{path}: {error.strerror}. Check the medium, and sync again; nothing was changed.")
