"""The signed metadata that one device trusts: fetched from a source, verified, and saved before it is used."""

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from edge_runtime.errors import DamagedStoreError, UpdateRefusedError
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.tuf import MetadataStore, TargetFile, TrustedMetadata, drive, target, update
from edge_runtime.sync.tuf.client import Steps

FIRST_ROOT: Final = "1.root.json"
MAX_ROOT_BYTES: Final = 512_000
_SETTLED: Final = "settled"
_TOLD: Final = "told"
_MOST_TOLD: Final = 32

Result = TypeVar("Result")


class DeviceMetadata:
    """The metadata in one file of the device's folder, which is created with the first trusted root.

    Args:
        path: the file.
        root: a root file to trust if none is trusted yet, or if the file is damaged.
        clock: the device's clock, in seconds since 1970; it may be wrong.

    Attributes:
        notes: what its user should know, such as bounds that were lost.

    Raises:
        DamagedStoreError: the file cannot be read back, and there is no ``root`` to start over from.
        UpdateRefusedError: ``root`` is no root file that its own keys signed.
    """

    def __init__(self, path: Path, *, root: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._store: MetadataStore | None = None
        self._trusted: TrustedMetadata | None = None
        self.notes: tuple[str, ...] = ()
        if path.exists():
            try:
                self._store = MetadataStore(path)
                self._trusted = self._store.load()
            except DamagedStoreError as error:
                if root is None:
                    raise DamagedStoreError(f"{error} Sync with --root FILE, the repository's root file.") from error
                self._start_over()
        self._is_pinned = False
        if root is not None:
            self._compare(root)

    @property
    def has_root(self) -> bool:
        """Whether this device has decided whom it trusts."""
        return self._trusted is not None

    @property
    def trusted(self) -> TrustedMetadata:
        """What is verified so far.

        Raises:
            UpdateRefusedError: nothing is trusted yet.
        """
        if self._trusted is None:
            raise UpdateRefusedError("this device trusts no keys yet. Give those of the repository with --root.")
        return self._trusted

    def trust(self, root: bytes) -> None:
        """Trust the keys of a root file; it is saved with the first metadata that they have signed.

        Raises:
            UpdateRefusedError: it is no root file that its own keys signed.
        """
        self._trusted, self._is_pinned = TrustedMetadata.pinned(root), True

    def update(self, source: Source) -> None:
        """Fetch the newest metadata and save it.

        Raises:
            ServerUnreachableError: no complete response.
            UpdateRefusedError: the metadata is not signed as it must be, or is older than what this device has seen.
            ExpiredMetadataError: it has expired.
        """
        updated = self._driven(update(self.trusted, self._clock), source)
        if self._is_pinned:
            self._is_pinned = False
            self._open_store().commit(updated)
        self._save(updated)

    def target(self, path: str, source: Source) -> TargetFile | None:
        """Return what is signed of a document, or None if nothing is; the errors are those of :meth:`update`."""
        found = self._driven(target(self.trusted, path, self._clock), source)
        self._save(found.trusted)
        return found.file

    def told(self) -> list[str]:
        """Return what the server was told last, oldest first."""
        return self._open_store().settings().get(_TOLD, b"").decode().splitlines()

    def note_told(self, message: str) -> None:
        """Note what the server was told, in one line."""
        self._open_store().commit(self.trusted, {_TOLD: "\n".join([*self.told(), message][-_MOST_TOLD:]).encode()})

    def settled(self, target: str) -> str | None:
        """Return the slot that the newest metadata leads to, as :meth:`settle` noted it; None if it is newer."""
        noted = self._open_store().settings().get(_SETTLED, b"").decode().split(" ")
        return noted[2] if noted[:2] == [self._newest(), target] and len(noted) == 3 else None

    def settle(self, target: str, slot: str) -> None:
        """Note which slot the newest metadata leads to, so that a check without news need not find out again."""
        if self.settled(target) != slot:
            self._open_store().commit(self.trusted, {_SETTLED: f"{self._newest()} {target} {slot}".encode()})

    def has_passed(self, time: float) -> None:
        """Note a time that has passed, as a signed document states it, for a device without a clock."""
        self._save(self.trusted.raised(time))

    def now(self) -> float:
        """Return the time in seconds since 1970, at least a time that has certainly passed."""
        return max(self._clock(), self.trusted.floors.time)

    def fresh_until(self) -> int:
        """Return when the first top-level file of the trusted metadata expires, in seconds since 1970."""
        return int(self.trusted.expiry.timestamp())

    def draw(self) -> bytes:
        """Return the random bytes that place this device in staged rollouts; they never leave it."""
        return self._open_store().draw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is not None:
            self._store.close()

    def _newest(self) -> str:
        """Return what identifies the newest metadata: a digest, because versions start again after a theft of keys."""
        timestamp = self.trusted.timestamp
        return "" if timestamp is None else hashlib.sha256(timestamp.raw).hexdigest()

    def _open_store(self) -> MetadataStore:
        if self._store is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._store = MetadataStore(self._path)
        return self._store

    def _compare(self, root: bytes) -> None:
        """Trust a root file that was given, or compare it with what is trusted already."""
        given = TrustedMetadata.pinned(root)
        if self._trusted is None:
            self.trust(root)
            return
        ours, theirs = self._trusted.root, given.root
        if ours.signed.version == theirs.signed.version and ours.raw != theirs.raw:
            raise UpdateRefusedError(
                "this device trusts the keys of another repository than the given root's. Sync into another folder, or "
                f"remove {self._path} to trust that one instead."
            )
        if ours.signed.version != theirs.signed.version:
            self.notes += (
                f"the given root (version {theirs.signed.version}) was not used: this device trusts version "
                f"{ours.signed.version} of its repository's root already",
            )

    def _start_over(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = MetadataStore.replaced(self._path)
        self.notes += (
            f"{self._path.name} was damaged: which versions this device had seen is lost, so that older metadata would "
            "be accepted once. The given keys are trusted.",
        )

    def _driven(self, steps: Steps[Result], source: Source) -> Result:
        return drive(steps, partial(_fetch, source), self._save)

    def _save(self, trusted: TrustedMetadata) -> None:
        if trusted != self._trusted and not self._is_pinned:
            self._open_store().commit(trusted)
        self._trusted = trusted


def _fetch(source: Source, name: str, max_bytes: int) -> bytes | None:
    return source.small(f"metadata/{name}", max_bytes, name)
