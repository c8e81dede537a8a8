"""A repository of signed releases in object storage, as the server reads it.

Metadata and documents are held in memory. Files are passed on in pieces, of the version that was there when the file
was first asked for. They are not hashed here: `pocketrec release publish` did that while it wrote them, an object is
there whole or not at all, and devices check every byte; reading each file once more would double the traffic.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from edge_runtime.errors import BundleError
from server.blob import Body
from server.errors import StorageError
from server.objects import Listed, Objects
from server.releases.open_files import OpenFiles
from server.releases.repository import FILES, MAX_DOCUMENT_BYTES, MAX_METADATA_BYTES, METADATA, TARGETS, TIMESTAMP

LIST_S: Final = 60.0
"""Seconds between full lists of the metadata: a copy of a repository may arrive in any order."""


class ObjectContents:
    """A repository in object storage; see :class:`server.releases.repository.Contents`.

    Between full lists, a look costs two requests: for the version of the timestamp, and for the next root, which is
    the only thing that may be written after the timestamp.

    Args:
        objects: the storage.
        clock: monotonic clock, in seconds.

    Raises:
        StorageError: there is no repository, or the storage does not answer.
    """

    def __init__(self, objects: Objects, clock: Callable[[], float] = time.monotonic) -> None:
        self._objects = objects
        self._clock = clock
        self._held: dict[str, tuple[str | None, bytes]] = {}
        self.files = ObjectFiles(objects)
        if objects.head(f"{METADATA}/{TIMESTAMP}") is None:
            raise StorageError(
                f"{objects.url}: found no repository of releases, expected one that `pocketrec release init "
                f"{objects.url}` made."
            )

    def stamp(self) -> object:
        """Return what changes with the timestamp or the newest root, and once a minute."""
        timestamp = self._objects.head(f"{METADATA}/{TIMESTAMP}")
        next_root = self._objects.head(f"{METADATA}/{self._newest_root() + 1}.root.json")
        return timestamp and timestamp.version, next_root is not None, int(self._clock() / LIST_S)

    def read(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return the metadata and the documents; only what is new is fetched.

        The timestamp is fetched first: whatever it names was written before.
        """
        timestamp = self._objects.get(f"{METADATA}/{TIMESTAMP}", MAX_METADATA_BYTES)
        held = dict(self._fetched(METADATA, MAX_METADATA_BYTES)) | dict(self._fetched(TARGETS, MAX_DOCUMENT_BYTES))
        self._held = held
        metadata, documents = (
            {name.removeprefix(f"{folder}/"): data for name, (_, data) in held.items() if name.startswith(f"{folder}/")}
            for folder in (METADATA, TARGETS)
        )
        if timestamp is not None:
            metadata[TIMESTAMP] = timestamp[0]
        return metadata, documents

    def _fetched(self, folder: str, max_bytes: int) -> Iterator[tuple[str, tuple[str | None, bytes]]]:
        for name, listed in sorted(self._objects.list(folder).items()):
            before = self._held.get(name)
            if before is not None and before[0] is not None and before[0] == listed.version.e_tag:
                yield name, before
            elif name.endswith(".json") and listed.size <= max_bytes:
                found = self._objects.get(name, max_bytes)
                if found is not None:
                    yield name, (found[1].e_tag, found[0])

    def _newest_root(self) -> int:
        names = (name.removeprefix(f"{METADATA}/").split(".", 1) for name in self._held)
        return max((int(name[0]) for name in names if name[1:] == ["root.json"] and name[0].isdecimal()), default=0)


class ObjectFiles(OpenFiles):
    """Files of a repository in object storage."""

    def __init__(self, objects: Objects) -> None:
        super().__init__()
        self._objects = objects

    def _opened(self, sha256: str) -> Body | None:
        listed = self._objects.head(f"{FILES}/{sha256}")
        return None if listed is None else _ObjectBody(self._objects, sha256, listed)

    def __iter__(self) -> Iterator[str]:
        """Yield the digests of all files."""
        yield from (name.removeprefix(f"{FILES}/") for name in self._objects.list(FILES))

    def read(self, sha256: str, max_bytes: int) -> bytes:
        """Return the content of a small file.

        Raises:
            BundleError: it is missing, too large or damaged.
        """
        found = self._objects.get(f"{FILES}/{sha256}", max_bytes)
        if found is None:
            raise BundleError(f"files/{sha256} is missing; publish the release again.")
        if hashlib.sha256(found[0]).hexdigest() != sha256:
            raise BundleError(f"files/{sha256} is damaged; publish the release again.")
        return found[0]


class _ObjectBody:
    """An object with a known digest; see :class:`server.blob.Body`."""

    def __init__(self, objects: Objects, sha256: str, listed: Listed) -> None:
        self._objects = objects
        self._listed = listed
        self._is_intact = True
        self.sha256 = sha256
        self.size = listed.size

    @property
    def etag(self) -> str:
        """Strong entity tag, which is the digest."""
        return f'"{self.sha256}"'

    def is_intact(self) -> bool:
        """Return False once the object was found replaced or deleted."""
        return self._is_intact

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to ``stop`` (exclusive) in pieces.

        Raises:
            OSError: it was replaced or deleted, or the storage does not answer; the response must be aborted.
        """
        name = f"{FILES}/{self.sha256}"
        try:
            async for piece in self._objects.pieces_async(name, start, stop, self._listed.version):
                yield piece
        except StorageError as error:
            self._is_intact = False  # it is looked for again when it is asked for again
            raise OSError(str(error)) from error
