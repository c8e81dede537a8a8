"""What a sync asks for the newest bundle: a server of signed releases, or one that is believed for its connection."""

from dataclasses import dataclass
from typing import Protocol

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.release import Delta
from edge_runtime.device_folder import Pointer, slot_name
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.trust import Installed, check_succession, checked_manifest


@dataclass(frozen=True, slots=True)
class Offer:
    """A bundle that this device may install.

    Attributes:
        raw: the bytes of ``manifest.json``.
        manifest: the parsed manifest.
        etag: entity tag of an unsigned manifest, to ask for it again.
        deltas: packs that lead to this bundle from earlier ones.
    """

    raw: bytes
    manifest: Manifest
    etag: str | None = None
    deltas: tuple[Delta, ...] = ()

    @property
    def slot(self) -> str:
        """The name of its slot."""
        return slot_name(self.raw)


@dataclass(frozen=True, slots=True)
class Answer:
    """The newest bundle for this device.

    Attributes:
        offer: the bundle; None if the installed one is to be kept.
        fallbacks: what to install if the bundle cannot be used: it without its components, one by one.
        waiting: number of a newer release that this device takes later, in its place of a staged rollout.
        fresh_until: when the signed metadata expires that says so, in seconds since 1970; None if nothing does, or if a
            part of it could not be had.
        notes: what an operator should know, such as a component that was skipped.
    """

    offer: Offer | None
    fallbacks: tuple[Offer, ...] = ()
    waiting: int | None = None
    fresh_until: int | None = None
    notes: tuple[str, ...] = ()


class Channel(Protocol):
    """Finds the newest bundle of one target.

    Attributes:
        source: fetches files.
        target: the target.
    """

    @property
    def source(self) -> Source:
        """Fetches files by their digests."""
        ...

    @property
    def target(self) -> str:
        """The requested target."""
        ...

    def newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        """Return the newest bundle.

        Args:
            held: the installed bundle if it is intact and of this target.
            installed: the installed bundle in any state.

        Raises:
            ServerUnreachableError: no complete response.
            UpdateRefusedError: the offered release must not be used.
            BundleVersionError: the release needs a newer runtime.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnsignedChannel:
    """A server whose manifests are believed because of the connection; see :class:`Channel`.

    Attributes:
        source: the server.
        target: the requested target.
        allow_older: accept a release that is not newer than the installed one.
    """

    source: Source
    target: str
    allow_older: bool = False

    def newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        """Return the newest bundle; see :class:`Channel`."""
        offered = self.source.manifest(self.target, held.etag if held is not None else None)
        if offered is None:
            return Answer(None)
        manifest = checked_manifest(offered.raw, target=self.target)
        if installed is not None and not offered.is_of(installed.slot):
            current = Installed(installed.name, installed.target, installed.release)
            check_succession(manifest, current, allow_older=self.allow_older)
        return Answer(Offer(offered.raw, manifest, offered.etag))
