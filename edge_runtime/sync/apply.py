"""Install the newest release of a server; the bundle in use changes atomically in the last step.

Order: ask for the newest bundle, assemble its slot and self-test it (:mod:`edge_runtime.sync.assembly`), switch,
clean up. If the process or the machine stops at any point, at most the bytes in flight are lost: the next sync resumes.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from msgspec import structs

from edge_runtime.bundle.folder import read_manifest
from edge_runtime.device_folder import Pointer, slot_name
from edge_runtime.errors import BundleError, EngineError, ServerUnreachableError, SyncError, UpdateRefusedError
from edge_runtime.files import make_folder_durably
from edge_runtime.lock import locked
from edge_runtime.paths import AnyPath
from edge_runtime.sync.assembly import Assembly, Progress, SelfTest
from edge_runtime.sync.channel import Answer, Channel, Offer
from edge_runtime.sync.layout import LOCK, check_folder
from edge_runtime.sync.slots import Slots
from edge_runtime.sync.trust import checked_manifest

_DISK_FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)

Status = Literal["installed", "repaired", "up to date", "waiting", "previewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """Result of a sync.

    Attributes:
        status: ``installed``, ``repaired`` (damaged files of the installed release were replaced), ``up to date``,
            ``waiting`` (a newer release comes later to this device, in its place of a staged rollout), or
            ``previewed`` (a newer release is complete and tested, but not in use yet).
        target: requested target.
        name: name of the bundle in use.
        release: release in use now.
        previous_release: release that it replaced, if any.
        newer_release: release that is waiting or previewed, if any.
        bundle: folder of the bundle in use, or of the previewed one.
        requests: number of requests sent.
        fetched_bytes: bytes of response bodies received.
        reused_bytes: bytes of files that were on the device already, or made from them by a delta.
        notes: what an operator should know.
    """

    status: Status
    target: str
    name: str
    release: int
    previous_release: int | None = None
    newer_release: int | None = None
    bundle: Path
    requests: int
    fetched_bytes: int
    reused_bytes: int = 0
    notes: tuple[str, ...] = ()


def apply(
    into: AnyPath,
    *,
    channel: Channel,
    self_test: SelfTest,
    preview: bool = False,
    progress: Progress | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> SyncReport:
    """Update the device folder ``into`` to the newest release that a channel offers; within :func:`writing`.

    Args:
        into: the device's folder.
        channel: the server and the target.
        self_test: called with the verified bundle before it is used; raises if no engine passes.
        preview: fetch and test the newest release, but do not switch to it; the next sync does without fetching again.
        progress: called as bytes arrive.
        free_bytes: returns the free disk space at a path.

    Raises:
        ServerUnreachableError: the server does not respond, or the response is incomplete.
        UpdateRefusedError: the offered release must not be used.
        SyncError: there is too little disk space, or something in the folder is in the way.
        BundleVersionError: the release needs a newer runtime.
        EngineError: no engine passes the self-test on the new release.
        OSError: the disk cannot be written.
    """
    slots = Slots(Path(into))
    slots.prepare()
    assembly = Assembly(slots, channel.source, self_test, progress or (lambda have, total: None), free_bytes)
    return _Work(slots, channel, assembly).run(preview=preview)


@contextmanager
def writing(into: Path) -> Iterator[None]:
    """Create the folder of a device if it is missing, and let no other sync write into it meanwhile.

    Raises:
        BusyError: another sync is running.
        SyncError: the folder holds something else, something else is in its place, or the disk is full.
    """
    check_folder(into)
    try:
        make_folder_durably(into)
        with locked(into / LOCK, "sync"):
            yield
    except OSError as error:
        if error.errno not in _DISK_FULL_ERRNOS:
            raise
        raise SyncError(
            f"{into}: {error.strerror}. The bundle in use is complete, and downloaded data is kept. Free some "
            "space and sync again."
        ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    """One sync and its inputs."""

    slots: Slots
    channel: Channel
    assembly: Assembly

    def run(self, *, preview: bool) -> SyncReport:
        installed = self.slots.pointer()
        is_intact = installed is not None and self.slots.is_intact(installed.slot)
        held = installed if installed is not None and is_intact and installed.target == self.channel.target else None
        answer = self.channel.newest(held, installed)
        if answer.offer is None and installed is not None:
            if not is_intact:
                return self._repair(installed, answer, preview=preview)
            if answer.fresh_until != installed.fresh_until:
                installed = structs.replace(installed, fresh_until=answer.fresh_until)
                self.slots.switch(installed)
            if answer.waiting is None:
                self.slots.clean_up()
            return self._report("up to date" if answer.waiting is None else "waiting", installed, answer)
        if answer.offer is None:
            raise SyncError("the server responded 304 (not modified), but nothing is installed. Sync again.")
        return self._install_first(answer, answer.offer, installed, is_intact=is_intact, preview=preview)

    def _repair(self, installed: Pointer, answer: Answer, *, preview: bool) -> SyncReport:
        """Repair the installed bundle, because a newer one is not to be installed yet; or install that if it cannot."""
        folder = self.slots.folder(installed.slot)
        try:
            raw = read_manifest(folder)
            offer = Offer(raw, checked_manifest(raw, target=installed.target))
        except (BundleError, UpdateRefusedError, OSError):
            offer = None
        if offer is None or offer.slot != installed.slot:
            answer = self.channel.newest(None, None)
            offer = answer.offer
        if offer is None:
            raise SyncError(f"{folder}: the bundle in use is damaged, and the server offers none. Sync again later.")
        return self._install_first(answer, offer, installed, is_intact=False, preview=preview)

    def _install_first(
        self, answer: Answer, offer: Offer, installed: Pointer | None, *, is_intact: bool, preview: bool
    ) -> SyncReport:
        """Install a bundle, or the first of the fallbacks that can be used."""
        for fallback in answer.fallbacks:
            try:
                return self._install(answer, offer, installed, is_intact=is_intact, preview=preview)
            except ServerUnreachableError:
                raise
            except (BundleError, EngineError, SyncError) as error:
                self.assembly.notes.append(f"release {offer.manifest.release} could not be used: {error}")
                offer = fallback
        return self._install(answer, offer, installed, is_intact=is_intact, preview=preview)

    def _install(
        self, answer: Answer, offer: Offer, installed: Pointer | None, *, is_intact: bool, preview: bool
    ) -> SyncReport:
        slot, manifest = slot_name(offer.raw), offer.manifest
        is_same = installed is not None and installed.slot == slot
        reused_bytes = 0
        if is_same and is_intact:
            status: Status = "up to date"
        else:
            status = "repaired" if is_same else "installed"
            reused_bytes = self.assembly.complete(slot, offer)
        if preview and status == "installed" and installed is not None:
            return self._report("previewed", installed, answer, slot=slot, reused_bytes=reused_bytes)
        pointer = Pointer(
            slot=slot,
            previous=_previous(slot, installed, is_intact=is_intact),
            name=manifest.name,
            target=manifest.target,
            release=manifest.release,
            etag=offer.etag,
            fresh_until=answer.fresh_until,
        )
        if pointer != installed:
            self.slots.switch(pointer)
        self.slots.clean_up()
        before = installed.release if installed and status == "installed" else None
        return self._report(status, pointer, answer, previous_release=before, reused_bytes=reused_bytes)

    def _report(
        self,
        status: Status,
        pointer: Pointer,
        answer: Answer,
        *,
        slot: str | None = None,
        previous_release: int | None = None,
        reused_bytes: int = 0,
    ) -> SyncReport:
        source, offer = self.channel.source, answer.offer
        return SyncReport(
            status=status,
            target=self.channel.target,
            name=pointer.name,
            release=pointer.release,
            previous_release=previous_release,
            newer_release=offer.manifest.release if status == "previewed" and offer is not None else answer.waiting,
            bundle=self.slots.folder(slot or pointer.slot),
            requests=source.requests,
            fetched_bytes=source.fetched_bytes,
            reused_bytes=reused_bytes,
            notes=(*answer.notes, *self.assembly.notes),
        )


def _previous(slot: str, installed: Pointer | None, *, is_intact: bool) -> str | None:
    """Return the slot to keep for going back: the one in use until now, if it is intact."""
    if installed is None:
        return None
    if installed.slot == slot:
        return installed.previous
    return installed.slot if is_intact else None
