"""A repository in object storage: a working copy of its metadata, and the change that is written back.

No lock could be trusted there, because its owner may be gone. What has a name of its own is written first, and never
over something else; the timestamp is exchanged last, only if it is the one that the change started from. So one of two
publishers wins and the other one is refused, and a publisher that is killed leaves the release on offer as it was.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edge_runtime.errors import BusyError
from edge_runtime.files import naming
from server.errors import RepositoryError
from server.objects import Objects, Version

METADATA: Final = "metadata"
TARGETS: Final = "targets"
FILES: Final = "files"
LOG: Final = "log"
MODEL_SIGNATURES: Final = "model-signatures"
TIMESTAMP: Final = f"{METADATA}/timestamp.json"

MAX_SMALL_BYTES: Final = 5_000_000
"""The largest metadata, document or record that is read."""

_SMALL: Final = (METADATA, TARGETS, LOG)
_THREADS: Final = 8
_PIECE: Final = 1 << 20


@dataclass(slots=True)
class Remote:
    """What a working copy was made from.

    Attributes:
        objects: the storage.
        sizes: sizes of the objects that were there, by name.
        versions: their versions, by name.
        written: when they were written, by name.
        timestamp: version of the timestamp on offer; None for a new repository.
        relied_on: names of objects that were there, and that the change needs.
        root_first: write a new root before the timestamp, because the old one does not permit the new timestamp.
    """

    objects: Objects
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    written: dict[str, datetime] = field(default_factory=dict)
    timestamp: Version | None = None
    relied_on: set[str] = field(default_factory=set)
    root_first: bool = False

    def has(self, name: str, size: int | None = None) -> bool:
        """Return whether an object was there, and has this size."""
        return name in self.sizes and size in (None, self.sizes[name])

    def fetch(self, name: str, path: Path, sha256: str) -> None:
        """Write an object to a file, after checking its digest.

        Raises:
            RepositoryError: it is damaged.
            StorageError: it is gone, or the storage does not answer.
        """
        digest, fresh = hashlib.sha256(), path.with_name(path.name + ".new")
        path.parent.mkdir(parents=True, exist_ok=True)
        with naming(path), fresh.open("wb") as stream:
            for piece in self.objects.pieces(name, 0, self.sizes[name], self.versions[name]):
                digest.update(piece)
                stream.write(piece)
        if digest.hexdigest() != sha256:
            raise RepositoryError(f"{self.objects.url}/{name}: the object is damaged; restore it from a copy.")
        fresh.replace(path)


@contextmanager
def working_copy(url: str) -> Iterator[tuple[Path, Remote]]:
    """Yield a folder with the metadata, the documents and the record of a repository, and what it was made from.

    Errors name the URL in place of the folder.

    Raises:
        RepositoryError: there is no repository.
        StorageError: the storage does not answer.
    """
    remote = Remote(Objects(url))
    with TemporaryDirectory(prefix="pocketrec-release-") as name:
        folder = Path(name).resolve()
        with _naming_url(folder, url):
            _read(folder, remote)
            yield folder, remote


def push(folder: Path, remote: Remote) -> None:
    """Write what is new in a working copy back, the timestamp last.

    Args:
        folder: the working copy.
        remote: what it was made from.

    Raises:
        BusyError: another process has changed the repository meanwhile; what is on offer is as it left it.
        RepositoryError: a file has changed since it was checked.
        StorageError: the storage does not answer.
    """
    for path in sorted((folder / FILES).iterdir()):
        if not remote.has(f"{FILES}/{path.name}", path.stat().st_size):
            remote.objects.write(f"{FILES}/{path.name}", _checked(path))
    _check_still_there(remote)
    small = [name for part in _SMALL for name in _names(folder, part) if not remote.has(name)]
    roots = [name for name in small if name.endswith(".root.json")]
    small = [name for name in small if name not in (TIMESTAMP, *roots)]
    # The record of the releases has the number of the snapshot, which it therefore follows.
    for name in sorted(small, key=lambda name: (name.startswith(f"{LOG}/"), name)):
        _create(folder, remote, name)
    for name in roots if remote.root_first else ():
        _create(folder, remote, name)
    _exchange_timestamp(folder, remote)
    for name in () if remote.root_first else roots:
        _create(folder, remote, name)
    for name in _names(folder, MODEL_SIGNATURES):
        remote.objects.write(name, [(folder / name).read_bytes()])


def _names(folder: Path, part: str) -> list[str]:
    """Return the names of the files in a part of a working copy."""
    return sorted(path.relative_to(folder).as_posix() for path in (folder / part).rglob("*") if path.is_file())


def _read(folder: Path, remote: Remote) -> None:
    """Read the timestamp first: whatever it names was written before."""
    found = remote.objects.get(TIMESTAMP, MAX_SMALL_BYTES)
    if found is None:
        raise RepositoryError(
            f"{remote.objects.url}: found no repository of releases, expected one that "
            f"`pocketrec release init {remote.objects.url}` made."
        )
    data, remote.timestamp = found
    listed = remote.objects.list()
    remote.sizes = {name: one.size for name, one in listed.items()}
    remote.versions = {name: one.version for name, one in listed.items()}
    remote.written = {name: one.written for name, one in listed.items()}
    for name in (*_SMALL, FILES):
        (folder / name).mkdir()
    names = [name for name in listed if name.split("/")[0] in _SMALL and name != TIMESTAMP]

    def fetch(name: str) -> None:
        read = remote.objects.get(name, MAX_SMALL_BYTES)
        if read is not None:  # it may be pruned at this moment
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read[0])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(fetch, (name for name in names if _is_inside(name))))
    (folder / TIMESTAMP).write_bytes(data)


def _is_inside(name: str) -> bool:
    return not any(part in ("", ".", "..") for part in name.split("/"))


def _checked(path: Path) -> Iterator[bytes]:
    """Yield the pieces of a file that is named by its digest.

    Raises:
        RepositoryError: at the end, if it has another one; the storage then keeps nothing of it.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != path.name:
        raise RepositoryError(f"{path.resolve()}: the file changed while it was published. Publish again.")


def _check_still_there(remote: Remote) -> None:
    """Check that files which were there already, and are part of this change, were not pruned meanwhile.

    Raises:
        BusyError: one was.
    """
    relied_on = remote.relied_on
    if relied_on and (gone := sorted(relied_on - remote.objects.list(FILES).keys())):
        raise BusyError(f"{remote.objects.url}/{gone[0]}: pruned while this release was published. Publish again.")


def _create(folder: Path, remote: Remote, name: str) -> None:
    if not remote.objects.create(name, (folder / name).read_bytes()):
        raise BusyError(_meanwhile(remote))


def _exchange_timestamp(folder: Path, remote: Remote) -> None:
    if not remote.objects.replace(TIMESTAMP, (folder / TIMESTAMP).read_bytes(), remote.timestamp):
        raise BusyError(_meanwhile(remote))


def _meanwhile(remote: Remote) -> str:
    return (
        f"{remote.objects.url}: another process has changed this repository meanwhile, or is about to; what it offers "
        "stays. Look with `pocketrec release status`, and run the command again."
    )


@contextmanager
def _naming_url(folder: Path, url: str) -> Iterator[None]:
    try:
        yield
    except RepositoryError as error:
        if str(folder) not in str(error):
            raise
        raise type(error)(str(error).replace(str(folder), url)) from error
