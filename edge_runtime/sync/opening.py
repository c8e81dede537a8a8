"""The call ``sync``: fetch the newest bundle from an address or a folder into the folder of a device."""

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edge_runtime.bundle.folder import read_manifest
from edge_runtime.errors import ServerUnreachableError, SyncError, UpdateRefusedError
from edge_runtime.machine import machine_name
from edge_runtime.paths import AnyPath
from edge_runtime.sync.apply import apply, writing
from edge_runtime.sync.assembly import Progress
from edge_runtime.sync.channel import Channel, UnsignedChannel
from edge_runtime.sync.device_metadata import FIRST_ROOT, MAX_ROOT_BYTES, DeviceMetadata
from edge_runtime.sync.documents import SignedDocuments
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.folder_transport import FolderTransport
from edge_runtime.sync.layout import DOCUMENTS, TRUSTED, check_folder
from edge_runtime.sync.receipts import keep_receipt
from edge_runtime.sync.refusals import Refusals
from edge_runtime.sync.report import Result, SyncReport, told_sentence
from edge_runtime.sync.result import tell_result
from edge_runtime.sync.signed import SignedChannel
from edge_runtime.sync.slots import Slots
from edge_runtime.sync.transport import HttpTransport
from edge_runtime.sync.trial import self_test

_BOARD: Final = Path("/proc/device-tree/model")


def sync(
    origin: AnyPath,
    into: AnyPath,
    *,
    target: str | None = None,
    root: bytes | AnyPath | None = None,
    insecure: bool = False,
    allow_older: bool = False,
    preview: bool = False,
    tell: bool = False,
    proxy: str | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Update the bundle in ``into`` to the newest release, which must be signed.

    The first sync decides whom this device trusts: the keys in ``root``, or those that the server presents. From then
    on every release must be signed by them or by their successors, whichever way it comes.

    Args:
        origin: address of a server, or folder of a repository, such as one on a stick.
        into: the device's folder, created if missing.
        target: target of the bundle [default: that of the installed one, or else that of this machine].
        root: the trusted ``N.root.json`` of the repository, its bytes or its path; it is used by the first sync, or if
            what this device trusts is damaged.
        insecure: accept releases that are not signed, and first keys over plain http.
        allow_older: accept an unsigned release that is not newer than the installed one.
        preview: fetch and test the newest release, but do not switch to it yet; a damaged bundle in use is repaired.
        tell: tell the server whether this device took or refused a new release, in one bit (:mod:`.result`).
        proxy: address of an http proxy, or ``none`` for no proxy [default: as ``HTTPS_PROXY``, ``HTTP_PROXY``,
            ``ALL_PROXY`` and ``NO_PROXY`` say].
        progress: called with the bytes received and the total bytes to download.

    Raises:
        SyncError: nothing was installed; see its subclasses for the reasons. Also if there is no bundle in use that
            a preview could be compared with; then nothing is fetched.
        BusyError: another sync into this folder is running.
        StateError: what this device trusts cannot be read or written.
        EngineError: no engine passes the self-test on the new release. The next sync does not try it again.
        BundleVersionError: the release needs a newer runtime.
        ValueError: ``origin`` or ``proxy`` is not an address.
    """
    into = Path(into)
    root = root if root is None or isinstance(root, bytes) else Path(root).read_bytes()
    if not into.exists():  # nothing may be written there if the address is refused
        transport_to(origin, insecure=insecure or root is not None, proxy=proxy).close()
    if preview:
        _check_in_use(into)
    with writing(into), DeviceMetadata(into / TRUSTED, root=root) as metadata:
        transport = transport_to(origin, insecure=insecure or metadata.has_root, proxy=proxy)
        refusals = Refusals(into)
        chosen = target or installed_target(into)
        teller = _Teller(transport, metadata, chosen)
        try:
            channel = _channel(Source(transport), metadata, into, chosen, insecure=insecure, allow_older=allow_older)
            report = apply(
                into, channel=channel, self_test=self_test, preview=preview, refusals=refusals, progress=progress
            )
            if not tell:
                return report
            if report.status == "installed":
                teller.tell(hashlib.sha256(read_manifest(report.bundle)).hexdigest(), "taken")
            teller.tell_refused(refusals)
            return replace(report, told=tuple(teller.told), notes=(*report.notes, *teller.problems))
        except BaseException as error:
            if tell:
                teller.tell_refused(refusals)
                for note in teller.words():
                    error.add_note(note)
            raise
        finally:
            transport.close()
            keep_receipt(into, transport.url, transport.sent, time.time())


def transport_to(origin: AnyPath, *, insecure: bool, proxy: str | None = None) -> HttpTransport | FolderTransport:
    """Return the transport to an address or a folder.

    Raises:
        ValueError: ``origin`` is neither.
        UnprotectedError: plain http to another machine without ``insecure``.
    """
    text = str(origin)
    if not text.startswith(("http://", "https://")) and Path(origin).is_dir():
        return FolderTransport(Path(origin))
    if "://" not in text:
        raise ValueError(
            f"found no folder and no http or https address in {text[:200]!r}, expected the folder of a repository, "
            "such as one on a stick, or an address such as http://127.0.0.1:8000"
        )
    return HttpTransport(text, insecure=insecure, proxy=proxy)


@dataclass(slots=True)
class _Teller:
    """Tells the server results, and keeps what was told and what could not be."""

    transport: HttpTransport | FolderTransport
    metadata: DeviceMetadata
    target: str
    told: list[Result] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def tell(self, manifest: str, result: Result) -> None:
        """Tell the server of one release; see :func:`.result.tell_result`."""
        try:
            if tell_result(self.transport, self.metadata, self.target, manifest, refused=result == "refused"):
                self.told.append(result)
        except ServerUnreachableError as error:
            self.problems.append(str(error))

    def tell_refused(self, refusals: Refusals) -> None:
        """Tell the server of the releases whose self-test failed here."""
        for manifest in refusals.met:
            self.tell(manifest, "refused")

    def words(self) -> list[str]:
        """Return what became of it, as sentences."""
        return [*(told_sentence(result) for result in self.told), *self.problems]


def _check_in_use(into: Path) -> None:
    """Check that a preview has something to be compared with.

    Raises:
        SyncError: it has not, or the folder holds something else.
    """
    check_folder(into)
    if Slots(into).pointer() is None:
        raise SyncError(
            f"{into}: found no bundle in use, expected one with which a preview compares the newest release. Sync "
            "without --preview first (in code: without `preview=True`); nothing was fetched."
        )


def installed_target(into: Path) -> str:
    """Return the target of the installed bundle, or else that of this machine."""
    pointer = Slots(into).pointer()
    return machine_target() if pointer is None else pointer.target


def machine_target(board: Path = _BOARD) -> str:
    """Return the target that is made for this machine."""
    machine = machine_name()
    model = board.read_text("utf-8", "replace") if board.is_file() else ""
    if "Raspberry Pi" in model:
        return "raspberry-pi-5" if machine == "arm64" and "Raspberry Pi 3" not in model else "raspberry-pi-3"
    return {"x86_64": "laptop-x86_64", "arm64": "laptop-arm64"}.get(machine, "minimal")


def _channel(
    source: Source, metadata: DeviceMetadata, into: Path, target: str, *, insecure: bool, allow_older: bool
) -> Channel:
    """Return the channel to a server, and trust its keys if this device has none yet."""
    if not metadata.has_root:
        first = source.small(f"metadata/{FIRST_ROOT}", MAX_ROOT_BYTES, "the first root")
        if first is None:
            if insecure:
                return UnsignedChannel(source, target, allow_older=allow_older)
            raise UpdateRefusedError(
                "the releases of this server are not signed: whoever controls it, or the way to it, controls this "
                "device's lists. Sign them (`pocketrec release init`), or accept them as they are with --insecure (in "
                "code: `insecure=True`)."
            )
        metadata.trust(first)
        metadata.notes += (
            "this device trusts from now on the keys that this server or folder presented: root version "
            f"{metadata.trusted.root.signed.version}, sha256 {hashlib.sha256(first).hexdigest()}",
        )
    return SignedChannel(SignedDocuments(source, target, metadata, into / DOCUMENTS))
