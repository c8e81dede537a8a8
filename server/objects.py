"""Object storage: S3, Google Cloud Storage and Azure, by URL, through obstore.

Credentials and endpoints come from the environment, under the names that these services use (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME ...). Objects are read in ranges and
written from a stream, so that none is in memory as a whole, and no time limit depends on its size.
"""

import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from server.errors import StorageError

if TYPE_CHECKING:
    from obstore import GetOptions, UpdateVersion
    from obstore.store import ObjectStore

Place = Path | str
"""A folder, or the URL of a place in object storage."""

SCHEMES: Final = ("s3", "gs", "az", "abfss")
PIECE_BYTES: Final = 1 << 20
"""Bytes that one request reads: few enough for many downloads at once, enough for its latency."""

ALLOW_HTTP: Final = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")
"""Variables that permit endpoints without TLS; with client options of its own, the library no longer reads them."""

_TIME_LIMIT: Final = timedelta(seconds=30)
_CONNECT_LIMIT: Final = timedelta(seconds=5)
_RETRY_LIMIT: Final = timedelta(seconds=20)
_MOST_RETRIES: Final = 3
_MOST_PARTS: Final = 4  # of 5 MiB each, on their way at once
_MISSING_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_REFUSED: Final = ("403 Forbidden", "401 Unauthorized", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_NO_CREDENTIALS: Final = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "credential", "Credential")
_UNREACHABLE: Final = ("error sending request", "timed out", "error trying to connect", "operation timed out")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, for conditional requests."""

    e_tag: str | None
    version: str | None = None

    def for_update(self) -> "UpdateVersion":
        """Return what a conditional write names; the library takes no None."""
        fields: UpdateVersion = {}
        if self.e_tag is not None:
            fields["e_tag"] = self.e_tag
        if self.version is not None:
            fields["version"] = self.version
        return fields


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a list: its size, its version, and when it was written."""

    size: int
    version: Version
    written: datetime


def place_of(text: str) -> Place:
    """Return the folder or the URL that a text names; ``file://`` is a folder.

    Raises:
        ValueError: it is a URL of another kind.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    parts = urlsplit(text)
    if scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    has_user = "@" in parts.netloc and scheme != "abfss"  # CONTAINER@ACCOUNT
    if scheme not in SCHEMES or not parts.netloc or has_user or "?" in rest or "#" in rest:
        raise ValueError(
            f"found {text!r}, expected a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or "
            "file:///FOLDER, without a query"
        )
    return text.rstrip("/")


class Objects:
    """The objects under one URL; names are relative to it.

    Args:
        url: the URL, such as ``s3://bucket/prefix``.

    Raises:
        StorageError: obstore is not installed, or the configuration in the environment is not complete.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._store = self._opened()

    def get(self, name: str, limit: int) -> tuple[bytes, Version] | None:
        """Return an object of at most ``limit`` bytes and its version, or None if there is none.

        Raises:
            StorageError: it is larger, or the storage does not answer.
        """
        import obstore

        try:
            with self._errors():
                answer = obstore.get(self._store, name)
                meta = answer.meta
                if meta["size"] > limit:
                    raise StorageError(f"{self.url}/{name}: found {meta['size']:,} bytes, expected at most {limit:,}.")
                return bytes(answer.bytes()), Version(meta["e_tag"], meta["version"])
        except FileNotFoundError:
            return None

    def head(self, name: str) -> Listed | None:
        """Return what is known of an object, or None if there is none.

        Raises:
            StorageError: the storage does not answer.
        """
        import obstore

        try:
            with self._errors():
                meta = obstore.head(self._store, name)
        except FileNotFoundError:
            return None
        return Listed(meta["size"], Version(meta["e_tag"], meta["version"]), meta["last_modified"])

    def list(self, folder: str | None = None) -> dict[str, Listed]:
        """Return all objects, or those whose names start with ``folder/``, by name.

        Raises:
            StorageError: the storage does not answer.
        """
        found: dict[str, Listed] = {}
        with self._errors():
            for page in self._store.list(folder):
                for meta in page:
                    version = Version(meta["e_tag"], meta["version"])
                    found[meta["path"]] = Listed(meta["size"], version, meta["last_modified"])
        return found

    def pieces(self, name: str, start: int, stop: int, version: Version) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to ``stop`` (exclusive) of one version of an object, in pieces.

        Raises:
            StorageError: the object has changed or is missing, or the storage does not answer.
        """
        import obstore

        for at in range(start, stop, PIECE_BYTES):
            with self._changes(name):
                answer = obstore.get(self._store, name, options=_range(at, stop, version))
                piece = bytes(answer.bytes())
            yield self._whole(piece, name, at, stop)

    async def pieces_async(self, name: str, start: int, stop: int, version: Version) -> AsyncIterator[bytes]:
        """Yield what :meth:`pieces` does, without blocking the event loop."""
        import obstore

        for at in range(start, stop, PIECE_BYTES):
            with self._changes(name):
                answer = await obstore.get_async(self._store, name, options=_range(at, stop, version))
                piece = bytes(await answer.bytes_async())
            yield self._whole(piece, name, at, stop)

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write an object from a stream; if that raises, there is no object, or the old one.

        Raises:
            StorageError: the storage does not answer, or refuses it.
        """
        import obstore

        with self._errors(missing_is_bucket=True):
            obstore.put(self._store, name, iter(pieces), max_concurrency=_MOST_PARTS)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small object unless there is one; return False if there is one with other content.

        Raises:
            StorageError: the storage does not answer, or refuses it.
        """
        return self._put(name, data, "create")

    def replace(self, name: str, data: bytes, before: Version | None) -> bool:
        """Replace one version of a small object; return False if it is another version by now.

        Args:
            name: its name.
            data: its content.
            before: the version to replace; None to create it.

        Raises:
            StorageError: the storage does not answer, or refuses it.
        """
        return self._put(name, data, "create" if before is None else before.for_update())

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there do not matter.

        Raises:
            StorageError: the storage does not answer, or refuses it.
        """
        import obstore

        with self._errors(missing_is_bucket=True):
            for start in range(0, len(names), 1000):
                obstore.delete(self._store, names[start : start + 1000])

    def _put(self, name: str, data: bytes, mode: "str | UpdateVersion") -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self._errors(missing_is_bucket=True):
                obstore.put(self._store, name, data, mode=mode, use_multipart=False)  # type: ignore[arg-type]
        except (AlreadyExistsError, PreconditionError):
            found = self.get(name, len(data))  # a request that was repeated after a lost answer meets its own object
            return found is not None and found[0] == data
        return True

    @staticmethod
    def _whole(piece: bytes, name: str, at: int, stop: int) -> bytes:
        if len(piece) != min(PIECE_BYTES, stop - at):
            raise StorageError(f"{name}: found {len(piece)} bytes at {at}, expected {min(PIECE_BYTES, stop - at)}.")
        return piece

    def _opened(self) -> "ObjectStore":
        try:
            from obstore.store import from_url
        except ModuleNotFoundError as error:
            raise StorageError(
                f"{self.url}: found no module {error.name!r}, which reads object storage. Install it with "
                "`pip install obstore`, or in a checkout with `make setup`."
            ) from error
        with self._errors():
            return from_url(
                self.url,
                client_options={
                    "timeout": _TIME_LIMIT,
                    "connect_timeout": _CONNECT_LIMIT,
                    "allow_http": any(os.environ.get(name, "").lower() in ("1", "true") for name in ALLOW_HTTP),
                },
                retry_config={"max_retries": _MOST_RETRIES, "retry_timeout": _RETRY_LIMIT},
            )

    @contextmanager
    def _changes(self, name: str) -> Iterator[None]:
        """Translate the errors of reading one version of an object."""
        from obstore.exceptions import PreconditionError

        try:
            with self._errors():
                yield
        except (PreconditionError, FileNotFoundError) as error:
            raise StorageError(f"{self.url}/{name}: the object was deleted or replaced while it was read.") from error

    @contextmanager
    def _errors(self, *, missing_is_bucket: bool = False) -> Iterator[None]:
        """Translate the library's errors; those that callers expect stay as they are."""
        from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError

        try:
            yield
        except (AlreadyExistsError, NotModifiedError, PreconditionError):
            raise
        except FileNotFoundError as error:
            if not missing_is_bucket and not any(word in str(error) for word in _MISSING_BUCKET):
                raise
            raise StorageError(self._advice(str(error))) from error
        except (BaseError, ValueError) as error:
            raise StorageError(self._advice(str(error))) from error

    def _advice(self, message: str) -> str:
        """Return what was found, and what to do."""
        first = re.sub(r"\?\S*", "", message.partition("\n")[0])[:300]  # a query may hold a signature
        if any(word in message for word in _MISSING_BUCKET):
            return (
                f"{self.url}: found no such bucket, expected one that exists. Create it, or correct the address, the "
                "region or the endpoint (AWS_REGION, AWS_ENDPOINT_URL)."
            )
        if any(word in first for word in _NO_CREDENTIALS):
            return (
                f"{self.url}: found no credentials ({first}). Set those of the storage, such as AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY."
            )
        if any(word in message for word in _REFUSED):
            return f"{self.url}: the storage refuses these credentials ({first}). Permit them to list, read and write."
        if "builder error" in first:
            return f"{self.url}: the endpoint is plain http, which is refused. Use https, or set {ALLOW_HTTP[0]}=true."
        if "Account must be specified" in first:
            return f"{self.url}: found no storage account. Set AZURE_STORAGE_ACCOUNT_NAME, and its credentials."
        if any(word in message for word in _UNREACHABLE):
            return (
                f"{self.url}: the storage does not answer ({first}). Nothing is lost: check the network, and try again."
            )
        return f"{self.url}: {first}"


def sizes_of(listed: Mapping[str, Listed]) -> dict[str, int]:
    """Return the sizes of objects, by name."""
    return {name: one.size for name, one in listed.items()}


def _range(at: int, stop: int, version: Version) -> "GetOptions":
    options: GetOptions = {"range": (at, min(at + PIECE_BYTES, stop))}
    if version.e_tag is not None:
        options["if_match"] = version.e_tag
    return options
